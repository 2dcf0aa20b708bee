#!/usr/bin/env bash
# Writes what a subject is made of, as CycloneDX JSON: the crates that
# cargo-auditable, which Nix builds with, put into the binary.
#
# usage: release/sbom.sh VERSION SUBJECT OUT
#
# SUBJECT is what syft takes, such as file:PATH or oci-dir:PATH. Needs syft, jq.
set -euo pipefail
version=$1 subject=$2 out=$3
root=$(dirname "$(readlink -f "$0")")/..

# It would ask for a newer version of itself.
export SYFT_CHECK_FOR_APP_UPDATE=false
syft scan --quiet "$subject" --source-name detour --source-version "$version" \
	--output "cyclonedx-json=$out"

# Without the list in the binary syft finds nothing, and says nothing.
listed=$(jq -r '.components[]?.purl // empty' "$out" | sed -n 's|^pkg:cargo/\([^@]*\)@.*|\1|p')
wanted=$(sed -n '/^\[dependencies\]/,/^\[dev-dependencies\]/s/^\([a-z0-9_-]*\) = .*/\1/p' "$root/Cargo.toml")
missing=$(comm -13 <(sort -u <<<"$listed") <(sort -u <<<"$wanted"))
[ -z "$missing" ] || {
	echo "release/sbom.sh: $subject does not list ${missing//$'\n'/, }" >&2
	exit 1
}
