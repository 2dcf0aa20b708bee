#!/usr/bin/env bash
# Makes the files of a release of what Nix built.
#
# usage: release/assemble.sh VERSION BUILT OUT
#
# BUILT holds one entry for each package of the flake, by its name: detour-amd64,
# detour-arm64, image-index, chart, install-manifest. OUT is a directory that
# does not exist. Needs jq, skopeo, syft and GNU tar.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
version=$1 built=$2 out=$3
mkdir "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for architecture in amd64 arm64; do
	binary=$out/detour-$version-linux-$architecture
	install -m 755 "$built/detour-$architecture/bin/detour" "$binary"
	bash "$here/sbom.sh" "$version" "file:$binary" "$binary.cdx.json"
	# syft takes layouts of one image only.
	skopeo --insecure-policy --override-os linux --override-arch "$architecture" copy --quiet \
		"oci:$built/image-index:$version" "oci:$work/$architecture:$version"
	bash "$here/sbom.sh" "$version" "oci-dir:$work/$architecture" \
		"$out/detour-$version-image-$architecture.cdx.json"
done
install -m 644 "$built/chart" "$out/detour-$version.tgz"
install -m 644 "$built/install-manifest" "$out/detour-$version.yaml"
bash "$here/bundle.sh" "$version" "$built/image-index" "$built/chart" "$built/install-manifest" \
	"$out/detour-$version-airgap.tar"
(cd "$out" && LC_ALL=C && sha256sum detour-* >SHA256SUMS)
