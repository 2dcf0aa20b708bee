# An OCI layout of one index, tagged VERSION, of the layouts by architecture.
{
  lib,
  runCommand,
  jq,
  layouts,
  version,
}:
runCommand "detour-image-index" {nativeBuildInputs = [jq];} ''
  mkdir --parents "$out/blobs/sha256"
  add() { # add ARCHITECTURE LAYOUT
    cp --force "$2"/blobs/sha256/* "$out/blobs/sha256"
    cp "$2/oci-layout" "$out"
    jq --arg architecture "$1" '.manifests[0]
      | {mediaType, digest, size, platform: {architecture: $architecture, os: "linux"}}' "$2/index.json"
  }
  {
    ${lib.concatStringsSep "\n  " (lib.mapAttrsToList (architecture: layout: "add ${architecture} ${layout}") layouts)}
  } >manifests
  jq --slurp --compact-output --join-output \
    '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: .}' manifests >index
  digest=$(sha256sum index | cut -d ' ' -f 1)
  size=$(stat -c %s index)
  mv index "$out/blobs/sha256/$digest"
  jq --null-input --arg digest "sha256:$digest" --argjson size "$size" --arg version ${version} \
    '{schemaVersion: 2, manifests: [{
      mediaType: "application/vnd.oci.image.index.v1+json", digest: $digest, size: $size,
      annotations: {"org.opencontainers.image.ref.name": $version}}]}' >"$out/index.json"
''
