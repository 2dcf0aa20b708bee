#!/usr/bin/env bash
# Pushes the image and the chart of a release and signs both; prints where they
# are, as NAME=VALUE lines: version, image, chart, and the digests index, amd64,
# arm64 and chart_digest.
#
# usage: release/publish.sh VERSION DIRECTORY REGISTRY/NAME
#
# DIRECTORY is what release/assemble.sh made. The image becomes
# REGISTRY/NAME:VERSION, the chart REGISTRY/NAME/charts/detour:VERSION. Needs
# cosign, helm, jq and skopeo, logged in by the file that Docker has, too.
set -euo pipefail
version=$1 directory=$2 image=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# From the bundle, so that both have the same digest.
tar --extract --file "$directory/detour-$version-airgap.tar" --directory "$work"
skopeo --insecure-policy copy --all --preserve-digests --digestfile "$work/digest" \
	"oci-archive:$work/detour-$version/detour-$version-image.tar:$version" "docker://$image:$version" >&2
index=$(<"$work/digest")
helm push "$directory/detour-$version.tgz" "oci://$image/charts" 2>&1 | tee "$work/pushed" >&2
chart_digest=$(sed -n 's/^Digest: //p' "$work/pushed")
[[ $chart_digest == sha256:* ]] || {
	echo "release/publish.sh: helm told no digest of the chart" >&2
	exit 1
}
cosign sign --yes --recursive "$image@$index" >&2
cosign sign --yes "$image/charts/detour@$chart_digest" >&2

cat <<END
version=$version
image=$image
index=$index
chart=$image/charts/detour
chart_digest=$chart_digest
END
skopeo inspect --raw "docker://$image@$index" |
	jq -r '.manifests[] | "\(.platform.architecture)=\(.digest)"'
