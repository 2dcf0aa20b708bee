#!/usr/bin/env bash
# Packs what an installation without the internet needs into one file: the
# image, the chart, the manifest, and how to load them. The same input makes the
# same bytes.
#
# usage: release/bundle.sh VERSION LAYOUT CHART MANIFEST OUT
#
# LAYOUT is the directory of an OCI image layout that calls an image VERSION.
# Needs GNU tar and jq.
set -euo pipefail
export LC_ALL=C
version=$1 layout=$2 chart=$3 manifest=$4 out=$5
name=detour-$version image=detour-$version-image.tar

digest=$(jq -er --arg version "$version" '[.manifests[]
	| select(.annotations["org.opencontainers.image.ref.name"] == $version).digest]
	| if length == 1 then .[0] else error("the layout does not call one image \($version)") end' \
	"$layout/index.json")

pack() { # pack OUT DIRECTORY NAME...
	tar --create --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
		--mode=u=rwX,go=rX --file "$1" --directory "$2" "${@:3}"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/$name"
pack "$work/$name/$image" "$layout" blobs index.json oci-layout
cp "$chart" "$work/$name/$name.tgz"
cp "$manifest" "$work/$name/$name.yaml"
cat >"$work/$name/README.md" <<END
# Detour $version without the internet

| file | what it is |
|---|---|
| \`$image\` | the image, for amd64 and arm64, as an OCI archive |
| \`$name.tgz\` | the Helm chart |
| \`$name.yaml\` | the chart as one manifest, for clusters without Helm |

Run the commands in this directory. \`registry.example.com\` stands for a registry that your nodes reach without Detour.

\`\`\`console
\$ sha256sum --check SHA256SUMS
\$ registry=registry.example.com
\`\`\`

The image, of both architectures, with its digest kept:

\`\`\`console
\$ skopeo copy --all --preserve-digests oci-archive:$image:$version docker://\$registry/detour:$version
\`\`\`

Detour with Helm, and rules and a certificate of yours in \`values.yaml\`:

\`\`\`console
\$ helm install detour $name.tgz --namespace detour --create-namespace --values values.yaml --set image.registry=\$registry --set image.digest=$digest
\`\`\`

Or without Helm; read the head of the file before you apply it, it has rules that only watch:

\`\`\`console
\$ sed -i "s|registry.example.com/detour:$version|\$registry/detour@$digest|" $name.yaml
\$ kubectl apply --server-side -f $name.yaml
\`\`\`
END
(cd "$work/$name" && sha256sum README.md "$name.tgz" "$name.yaml" "$image" >SHA256SUMS)
pack "$out" "$work" "$name"
