#!/usr/bin/env bash
# Pushes the image to a registry on loopback, pulls it back, checks it by its
# bytes, and runs it in a root directory that holds nothing else.
#
# usage: tests/image.sh PUSH...    a command that takes REGISTRY/NAME:TAG and
#                                  skopeo's arguments: nix run .#push-amd64 --
#
# Needs docker-registry, skopeo, python3, curl and openssl; and root.
set -euo pipefail
repository=$(dirname "$(dirname "$(readlink -f "$0")")")
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$repository/Cargo.toml" | head -n 1)
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
cat >"$work/registry.yaml" <<END
version: 0.1
log: {accesslog: {disabled: true}, level: error}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: 127.0.0.1:$port}
END
docker-registry serve "$work/registry.yaml" >"$work/registry.log" 2>&1 &
curl --silent --fail --retry 50 --retry-delay 0 --retry-connrefused "http://127.0.0.1:$port/v2/" >"$work/hello"

pushed=$("$@" "127.0.0.1:$port/detour:test" --digest-file "$work/digest" -- --dest-tls-verify=false)
echo "pushed $pushed"
skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://$pushed" "dir:$work/image"

python3 "$repository/nix/tests/image.py" "$version" "$work/image"
mkdir "$work/root"
python3 - "$work/image" "$work/root" <<'END'
import json, pathlib, sys, tarfile

image, root = map(pathlib.Path, sys.argv[1:])
manifest = json.loads((image / "manifest.json").read_bytes())
for layer in manifest["layers"]:
    with tarfile.open(image / layer["digest"].split(":")[1]) as tar:
        tar.extractall(root)
config = json.loads((image / manifest["config"]["digest"].split(":")[1]).read_bytes())
(root.parent / "entry").write_text(config["config"]["Entrypoint"][0])
END
cat >"$work/detour" <<END
#!/usr/bin/env bash
exec chroot --userspec=65532:65532 "$work/root" "$(<"$work/entry")" "\$@"
END
chmod +x "$work/detour"
echo "in a root directory of its own: $("$work/detour" --version), nginx is $("$work/detour" normalize nginx)"
