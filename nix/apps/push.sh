fail() {
  echo "$NAME: $1; usage: nix run .#$NAME -- REGISTRY/NAME:TAG [--digest-file FILE] [-- SKOPEO-ARGUMENTS]" >&2
  exit 2
}

destination='' digest_file=detour.digest
while [ $# -gt 0 ]; do
  case $1 in
    --)
      shift
      break
      ;;
    --digest-file)
      [ $# -ge 2 ] || fail "--digest-file needs a file"
      digest_file=$2
      shift
      ;;
    -*) fail "unknown option $1; skopeo's own stand after --" ;;
    *)
      [ -z "$destination" ] || fail "one place is wanted, not $destination and $1"
      destination=$1
      ;;
  esac
  shift
done
[ -n "$destination" ] || fail "no place to push to"
case $destination in
  *://*) fail "$destination: leave out what stands before ://" ;;
  *@*) fail "$destination: a digest cannot be chosen, it is told after the push" ;;
esac
registry=${destination%%/*} path=${destination#*/}
[[ $destination == */* && ($registry == *[.:]* || $registry == localhost) ]] ||
  fail "$destination: names no registry"
[[ $path =~ ^[a-z0-9]+([._/-]+[a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] ||
  fail "$destination: a lower-case name and a tag are wanted after the registry"

# The policy file that skopeo asks for is of the host and decides about pulls.
skopeo --insecure-policy copy --all --format oci --digestfile "$digest_file" "$@" \
  "$IMAGE" "docker://$destination" >&2
echo "${destination%:*}@$(<"$digest_file")"
