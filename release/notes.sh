#!/usr/bin/env bash
# Prints what CHANGELOG.md says of a version, if the tree is ready to be
# released as it: the crate and the chart have it, and the heading has a date.
#
# usage: release/notes.sh TAG      such as v0.1.0
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
tag=$1 version=${1#v}

fail() {
	echo "release/notes.sh: $1" >&2
	exit 1
}

same() { # same WHERE FOUND
	[ "$2" = "$version" ] || fail "$1 has version $2, the tag is $tag"
}

[ "$tag" = "v$version" ] || fail "$tag is no tag of a version: it begins with a v"
same Cargo.toml "$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)"
same chart/Chart.yaml "$(sed -n 's/^version: //p' chart/Chart.yaml)"
same "appVersion of chart/Chart.yaml" "$(sed -n 's/^appVersion: //p' chart/Chart.yaml)"

heading=$(grep -F "## [$version] - " CHANGELOG.md) || fail "CHANGELOG.md has no heading for $version"
[[ $heading =~ \ -\ [0-9]{4}-[0-9]{2}-[0-9]{2}$ ]] ||
	fail "the heading for $version in CHANGELOG.md has no date: $heading"
awk -v heading="$heading" '
	$0 == heading { is_inside = 1; next }
	/^## / { is_inside = 0 }
	is_inside && (NF || has_begun) { has_begun = 1; print }
' CHANGELOG.md
