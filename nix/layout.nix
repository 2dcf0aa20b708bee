# An image as an OCI layout, tagged VERSION: layers are compressed here, once, so
# that its digest is the same wherever it is pushed, alone or within the index.
{
  runCommand,
  skopeo,
  image,
  version,
}:
runCommand "detour-layout" {nativeBuildInputs = [skopeo];} ''
  # Not every skopeo reads a compressed archive.
  gzip --decompress --stdout ${image} >image.tar
  skopeo --insecure-policy --tmpdir "$TMPDIR" copy docker-archive:image.tar "oci:$out:${version}"
''
