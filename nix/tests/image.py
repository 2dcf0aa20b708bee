"""Check an image by its bytes: a docker-archive, an OCI layout, or one pulled by skopeo.

usage: image.py VERSION PATH

It holds one static program, its entry point, and nothing else: no shell, no
link, no user but a numeric one, no time of day.
"""

import datetime
import gzip
import hashlib
import io
import json
import pathlib
import posixpath
import struct
import sys
import tarfile

IMAGE_BYTES_MAX = 3 << 20
BINARY_BYTES_MAX = 6 << 20
MACHINES = {"amd64": 62, "arm64": 183}
# A constant of nixpkgs: the first second of 1980.
SOURCE_DATE_EPOCH = 315532800
INTERP, DYNAMIC, NEEDED = 3, 2, 1


def expect(what, wanted, found):
    if found != wanted:
        sys.exit(f"{what}: wanted {wanted!r}, found {found!r}")


def of_archive(path):
    """Yield the platform, the configuration and the layers of each image."""
    with tarfile.open(path) as archive:
        def read(name):
            return archive.extractfile(name).read()

        (image,) = json.loads(read("manifest.json"))
        config = json.loads(read(image["Config"]))
        layers = [read(name) for name in image["Layers"]]
        yield config["architecture"], config, [gzip.compress(layer) for layer in layers]


def of_pulled(path):
    """What `skopeo copy docker://… dir:…` leaves: blobs by their digests."""
    def read(descriptor):
        algorithm, digest = descriptor["digest"].split(":")
        data = (path / digest).read_bytes()
        expect("the digest of a blob", digest, hashlib.new(algorithm, data).hexdigest())
        return data

    manifest = json.loads((path / "manifest.json").read_bytes())
    config = json.loads(read(manifest["config"]))
    yield config["architecture"], config, [read(layer) for layer in manifest["layers"]]


def of_layout(path):
    def read(descriptor):
        algorithm, digest = descriptor["digest"].split(":")
        data = (path / "blobs" / algorithm / digest).read_bytes()
        expect("the digest of a blob", digest, hashlib.new(algorithm, data).hexdigest())
        expect("the size of a blob", descriptor["size"], len(data))
        return data

    (top,) = json.loads((path / "index.json").read_bytes())["manifests"]
    images = json.loads(read(top))["manifests"]
    expect("architectures", sorted(MACHINES), sorted(image["platform"]["architecture"] for image in images))
    for image in images:
        manifest = json.loads(read(image))
        config = json.loads(read(manifest["config"]))
        yield image["platform"]["architecture"], config, [read(layer) for layer in manifest["layers"]]


def check_config(config, architecture, version):
    expect("architecture", architecture, config["architecture"])
    expect("created", 1, datetime.datetime.fromisoformat(config["created"]).timestamp())
    run = config["config"]
    expect("fields", {"Entrypoint", "ExposedPorts", "Labels", "User", "WorkingDir"}, {key for key in run if run[key]})
    expect("user", "65532:65532", run["User"])
    expect("directory", "/", run["WorkingDir"])
    expect("ports", ["8080/tcp", "8443/tcp"], sorted(run["ExposedPorts"]))
    labels = run["Labels"]
    for name in ["title", "description", "licenses", "version"]:
        if not labels.get(f"org.opencontainers.image.{name}"):
            sys.exit(f"there is no label {name}")
    expect("label version", version, labels["org.opencontainers.image.version"])
    (entry,) = run["Entrypoint"]
    return entry


def check_files(layers, entry):
    """The bytes of the one file."""
    found = {}
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer))) as tar:
            for member in tar:
                name = posixpath.normpath("/" + member.name.lstrip("/"))
                if member.isdir() and not entry.startswith(name.rstrip("/") + "/"):
                    sys.exit(f"{name} is no directory of {entry}")
                if not member.isdir() and not member.isreg():
                    sys.exit(f"{name} is neither a file nor a directory")
                if member.mode & 0o7022:
                    sys.exit(f"{name} has mode {member.mode:o}")
                expect(f"the owner of {name}", (0, 0), (member.uid, member.gid))
                if member.mtime > SOURCE_DATE_EPOCH:
                    sys.exit(f"{name} is of {member.mtime}")
                if member.isreg():
                    found[name] = member.mode, tar.extractfile(member).read()
    expect("files", [entry], sorted(found))
    mode, data = found[entry]
    expect("the mode's bits of execution", 0o111, mode & 0o111)
    return data


def check_static(data, architecture):
    expect("a 64-bit little-endian ELF file", b"\x7fELF\x02\x01", data[:6])
    expect("machine", MACHINES[architecture], struct.unpack_from("<H", data, 18)[0])
    at, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for header in range(at, at + size * count, size):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", data, header)
        if kind == INTERP:
            sys.exit("the program has an interpreter: it is not static")
        if kind == DYNAMIC:
            tags = {tag for tag, _ in struct.iter_unpack("<qQ", data[offset : offset + length])}
            if NEEDED in tags:
                sys.exit("the program needs a library: it is not static")


def main():
    version, path = sys.argv[1], pathlib.Path(sys.argv[2])
    if not path.is_dir():
        images = of_archive(path)
    elif (path / "index.json").exists():
        images = of_layout(path)
    else:
        images = of_pulled(path)
    for architecture, config, layers in images:
        entry = check_config(config, architecture, version)
        data = check_files(layers, entry)
        check_static(data, architecture)
        compressed = sum(map(len, layers))
        print(f"{architecture}: image {compressed} bytes compressed, binary {len(data)} bytes, {entry}")
        if compressed > IMAGE_BYTES_MAX or len(data) > BINARY_BYTES_MAX:
            sys.exit(f"more than {IMAGE_BYTES_MAX} or {BINARY_BYTES_MAX} bytes")


if __name__ == "__main__":
    main()
