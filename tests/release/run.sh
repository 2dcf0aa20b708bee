#!/usr/bin/env bash
# The tests of release/: the bundle is the same twice, its README's commands
# load it into a registry, and what is published is what the bundle holds.
#
# usage: bash tests/release/run.sh
#
# Needs jq and GNU tar, and uses skopeo, a registry (registry or
# docker-registry), helm (in $KUBEBUILDER_ASSETS or PATH) and syft. What is
# absent is skipped with a line, or is a failure when CI is set; syft, which
# looks into real binaries only, is always optional: SYFT_BINARY names a
# detour built by cargo-auditable.
set -euo pipefail
SYFT_BINARY=${SYFT_BINARY:+$(readlink -f "$SYFT_BINARY")}
cd "$(dirname "$(readlink -f "$0")")/../.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
name=detour-$version
work=$(mktemp -d)
registry_process=
trap '[ -z "$registry_process" ] || kill "$registry_process" 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
PATH=${KUBEBUILDER_ASSETS:+$KUBEBUILDER_ASSETS:}$PATH

fail() {
	echo "release tests: FAILED: $1" >&2
	exit 1
}

expect() { # expect WHAT WANTED FOUND
	[ "$2" = "$3" ] || fail "$1: wanted $2, found $3"
}

absent() { # absent WHAT SKIPPED
	[ -z "${CI:-}" ] || fail "there is no $1, CI is set, and nothing may be skipped"
	echo "release tests: there is no $1: $2 skipped"
	exit 0
}

blob() { # blob LAYOUT TYPE FILE [MEMBERS]: stores it and prints its descriptor
	local digest
	digest=$(sha256sum "$3" | cut -d ' ' -f 1)
	cp "$3" "$1/blobs/sha256/$digest"
	jq -cn --arg type "application/vnd.oci.image.$2" --arg digest "sha256:$digest" \
		--argjson size "$(stat -c %s "$3")" "{mediaType: \$type, digest: \$digest, size: \$size} + ${4:-{\}}"
}

layout() { # layout DIRECTORY: as the flake's image-index, of two images
	local architecture layer config
	mkdir -p "$1/blobs/sha256" "$work/root"
	echo '{"imageLayoutVersion": "1.0.0"}' >"$1/oci-layout"
	for architecture in amd64 arm64; do
		cp "${SYFT_BINARY:-$0}" "$work/root/detour"
		tar --create --mtime=@1 --owner=0 --group=0 --file "$work/layer.tar" -C "$work/root" detour
		gzip --no-name --force --keep "$work/layer.tar"
		layer=$(blob "$1" layer.v1.tar+gzip "$work/layer.tar.gz")
		jq -n --arg architecture "$architecture" --arg layer "sha256:$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)" \
			'{architecture: $architecture, os: "linux", config: {}, rootfs: {type: "layers", diff_ids: [$layer]}}' >"$work/config"
		config=$(blob "$1" config.v1+json "$work/config")
		jq -n --argjson config "$config" --argjson layer "$layer" \
			'{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: $config, layers: [$layer]}' >"$work/manifest"
		blob "$1" manifest.v1+json "$work/manifest" "{platform: {os: \"linux\", architecture: \"$architecture\"}}"
	done | jq -s '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: .}' >"$work/index"
	blob "$1" index.v1+json "$work/index" "{annotations: {\"org.opencontainers.image.ref.name\": \"$version\"}}" |
		jq -s '{schemaVersion: 2, manifests: .}' >"$1/index.json"
}

# What is released, and what is not.
mkdir -p "$work/tree/release" "$work/tree/chart"
cp release/notes.sh "$work/tree/release"
cp Cargo.toml "$work/tree"
cp chart/Chart.yaml "$work/tree/chart"
printf '# Changelog\n\n## [%s] - 2026-01-31\n\n### Added\n\n- A thing.\n\n## [0.0.1] - 2026-01-01\n\n- Older.\n' \
	"$version" >"$work/tree/CHANGELOG.md"
expect "the notes" $'### Added\n\n- A thing.' "$(bash "$work/tree/release/notes.sh" "v$version")"
for tag in "$version" v0.0.1 "v$version-rc.1"; do
	! bash "$work/tree/release/notes.sh" "$tag" >/dev/null 2>&1 || fail "the tag $tag is not refused"
done
sed -i "s/2026-01-31/unreleased/" "$work/tree/CHANGELOG.md"
! bash "$work/tree/release/notes.sh" "v$version" >/dev/null 2>&1 || fail "what is unreleased is released"

# The bundle, of files with other times, modes and owners.
layout "$work/layout"
index=$(jq -r '.manifests[0].digest' "$work/layout/index.json")
helm=$(command -v helm) || helm=
mkdir "$work/chart"
if [ -n "$helm" ]; then
	export HELM_CACHE_HOME=$work/helm HELM_CONFIG_HOME=$work/helm HELM_DATA_HOME=$work/helm
	helm package chart --destination "$work/chart" >/dev/null
else
	tar --create --gzip --file "$work/chart/$name.tgz" chart
fi
bundle() { bash release/bundle.sh "$version" "$1" "$work/chart/$name.tgz" install/detour.yaml "$2"; }
bundle "$work/layout" "$work/$name-airgap.tar"
cp -r "$work/layout" "$work/other"
chmod -R g+w "$work/other"
find "$work/other" -exec touch --date=@1700000000 {} +
bundle "$work/other" "$work/again.tar"
cmp "$work/$name-airgap.tar" "$work/again.tar" || fail "the bundle is not the same twice"
! bash release/bundle.sh 9.9.9 "$work/layout" "$work/chart/$name.tgz" install/detour.yaml "$work/no.tar" 2>/dev/null ||
	fail "an image of another version is packed"
mkdir "$work/inside"
tar --extract --file "$work/$name-airgap.tar" --directory "$work/inside"
expect "the files of the bundle" "README.md SHA256SUMS $name-image.tar $name.tgz $name.yaml" \
	"$(cd "$work/inside/$name" && LC_ALL=C && echo *)"
(cd "$work/inside/$name" && sha256sum --check --strict --quiet SHA256SUMS) || fail "the checksums"
expect "lines of the checksums" 4 "$(wc -l <"$work/inside/$name/SHA256SUMS")"

command -v skopeo >/dev/null || absent skopeo "loading the bundle is"
[ -n "$helm" ] || absent helm "loading the bundle is"
registry_program=$(command -v docker-registry || command -v registry) || absent registry "loading the bundle is"

cat >"$work/registry.yaml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:0"}
END
"$registry_program" serve "$work/registry.yaml" >"$work/registry.log" 2>&1 &
registry_process=$!
for _ in $(seq 100); do
	registry=$(grep -om 1 '127\.0\.0\.1:[1-9][0-9]*' "$work/registry.log") && break
	sleep 0.1
done
[ -n "$registry" ] || fail "the registry did not start: $(tail -n 3 "$work/registry.log")"

# What a host has that trusts this registry without TLS.
export HOME=$work/home
mkdir -p "$HOME/.config/containers" "$work/bin"
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$HOME/.config/containers/policy.json"
printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$registry" >"$HOME/.config/containers/registries.conf"

# No cluster is here: an installation shows what would run, and so does kubectl.
cat >"$work/bin/helm" <<END
#!/bin/sh
case \$1 in
install) shift && exec "$helm" template "\$@" >"$work/by-helm.yaml" ;;
push) exec "$helm" "\$@" --plain-http ;;
esac
END
cat >"$work/bin/kubectl" <<END
#!/bin/sh
cp "\$4" "$work/by-kubectl.yaml"
END
cat >"$work/bin/cosign" <<END
#!/bin/sh
echo "\$@" >>"$work/signed"
END
chmod +x "$work"/bin/*
PATH=$work/bin:$PATH

sed -n 's/^\$ //p' "$work/inside/$name/README.md" | sed "s|^registry=registry.example.com$|registry=$registry|" >"$work/commands"
expect "commands of the README" 6 "$(wc -l <"$work/commands")"
cp install/values.yaml "$work/inside/$name/values.yaml"
(cd "$work/inside/$name" && bash -euo pipefail "$work/commands" >"$work/commands.log" 2>&1) ||
	fail "the README's commands: $(tail -n 5 "$work/commands.log")"

digest_of() { skopeo inspect --raw "docker://$1" | sha256sum | sed 's/^\([0-9a-f]*\) .*/sha256:\1/'; }
expect "the digest that was loaded" "$index" "$(digest_of "$registry/detour:$version")"
for architecture in amd64 arm64; do
	expect "what was loaded for $architecture" "$architecture" \
		"$(skopeo --override-arch "$architecture" inspect --config "docker://$registry/detour@$index" | jq -r .architecture)"
done
for by in helm kubectl; do
	expect "the image that is installed by $by" "$registry/detour@$index" \
		"$(sed -n 's/^ *image: *"\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$work/by-$by.yaml")"
done

# What is published is what the bundle holds, and it is signed by digest.
mkdir "$work/dist"
cp "$work/$name-airgap.tar" "$work/chart/$name.tgz" "$work/dist"
bash release/publish.sh "$version" "$work/dist" "$registry/acme/detour" >"$work/outputs" 2>"$work/publish.log" ||
	fail "publish: $(tail -n 5 "$work/publish.log")"
output() { sed -n "s/^$1=//p" "$work/outputs"; }
expect "the published image" "$index" "$(output index)"
expect "the tag of the published image" "$index" "$(digest_of "$registry/acme/detour:$version")"
expect "the published chart" "$(digest_of "$registry/acme/detour/charts/detour:$version")" "$(output chart_digest)"
for architecture in amd64 arm64; do
	expect "the digest of the image for $architecture" "$architecture" \
		"$(skopeo inspect --config "docker://$registry/acme/detour@$(output "$architecture")" | jq -r .architecture)"
done
expect "what is signed" "sign --yes --recursive $registry/acme/detour@$index
sign --yes $registry/acme/detour/charts/detour@$(output chart_digest)" "$(cat "$work/signed")"

if command -v syft >/dev/null && [ -n "$SYFT_BINARY" ]; then
	mkdir -p "$work"/built/detour-{amd64,arm64}/bin
	cp "$SYFT_BINARY" "$work/built/detour-amd64/bin/detour"
	cp "$SYFT_BINARY" "$work/built/detour-arm64/bin/detour"
	cp -r "$work/layout" "$work/built/image-index"
	cp "$work/chart/$name.tgz" "$work/built/chart"
	cp install/detour.yaml "$work/built/install-manifest"
	bash release/assemble.sh "$version" "$work/built" "$work/assembled" ||
		fail "assemble"
	expect "the files of a release" "SHA256SUMS $name-airgap.tar $name-image-amd64.cdx.json $name-image-arm64.cdx.json $name-linux-amd64 $name-linux-amd64.cdx.json $name-linux-arm64 $name-linux-arm64.cdx.json $name.tgz $name.yaml" \
		"$(cd "$work/assembled" && LC_ALL=C && echo *)"
	(cd "$work/assembled" && sha256sum --check --strict --quiet SHA256SUMS) || fail "the checksums of a release"
	cmp "$work/assembled/$name-airgap.tar" "$work/$name-airgap.tar" || fail "the bundle of a release"
	! bash release/sbom.sh "$version" "file:$(command -v skopeo)" "$work/no.json" 2>/dev/null ||
		fail "a binary without its list is described"
else
	echo "release tests: there is no syft: the lists of what is inside are not tested"
fi
echo "release tests: passed, ${SECONDS} s"
