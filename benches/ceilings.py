#!/usr/bin/env python3
"""Measures a binary against the ceilings that Detour promises, and prints a table.

usage: benches/ceilings.py BINARY [IMAGE_ARCHIVE]

Fails when the binary is not static, or when one of the sizes is above its
ceiling. The cold starts are printed only: a busy machine says nothing about
them.
"""

import gzip
import statistics
import struct
import sys
import tempfile
from pathlib import Path

from process import REVIEW, ROOT, Detour, ask, make_certificate, request

MIB = 1024 * 1024
BINARY_CEILING = 6 * MIB
IMAGE_CEILING = 3 * MIB
RSS_CEILING = 8 * MIB
START_CEILING_MILLISECONDS = 10
MANY_RULES = 10_000
RSS_CEILING_MANY = 12_000_000
START_CEILING_MILLISECONDS_MANY = 100
STARTS = 20
REVIEWS = 20
PROGRAM_HEADER_INTERPRETER = 3


def is_static(binary):
    """No program header names an interpreter (a static-pie has a dynamic section all the same)."""
    elf = binary.read_bytes()
    if elf[:5] != b"\x7fELF\x02":
        sys.exit(f"{binary}: not a 64-bit ELF file")
    (offset,) = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    kinds = (struct.unpack_from("<I", elf, offset + index * size)[0] for index in range(count))
    return PROGRAM_HEADER_INTERPRETER not in kinds


def write_many_rules(path):
    """Documents of 5,000 rules; one has at most 8,192."""
    documents = []
    for start in range(0, MANY_RULES, 5_000):
        rules = "".join(
            f"    - prefix: r{index % 200:03}.example.com/team{index:06}\n"
            f"      to: mirror.example.com/m{index % 200:03}/team{index:06}\n"
            for index in range(start, start + 5_000))
        documents.append("apiVersion: detour.dev/v1alpha1\nkind: ClusterImageMap\n"
                         f"metadata: {{name: m{start}}}\nspec:\n  rules:\n{rules}")
    path.write_text("---\n".join(documents))


def measure_process(binary, folder, rules):
    """Milliseconds of each start; resident bytes after some reviews, and the most there were."""
    starts = []
    for _ in range(STARTS):
        with Detour(binary, folder, rules=rules) as detour:
            starts.append(detour.wait_until_it_answers())
    with Detour(binary, folder, rules=rules) as detour:
        detour.wait_until_it_answers()
        for _ in range(REVIEWS):
            with detour.connect() as stream:
                ask(stream, request(REVIEW.read_bytes()))
        return starts, detour.status("VmRSS") * 1024, detour.status("VmHWM") * 1024


def mebibytes(size):
    return f"{size / MIB:.2f} MiB"


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    binary = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        make_certificate(folder)
        starts, resident, _ = measure_process(binary, folder, ROOT / "tests/golden/rules.yaml")
        many = Path(folder) / "many.yaml"
        write_many_rules(many)
        starts_many, resident_many, peak_many = measure_process(binary, folder, many)
    if len(sys.argv) == 3:
        compressed = ("image, compressed", Path(sys.argv[2]).stat().st_size, IMAGE_CEILING)
    else:
        compressed = ("binary, compressed", len(gzip.compress(binary.read_bytes(), 9)), IMAGE_CEILING)
    sizes = [
        ("binary", binary.stat().st_size, BINARY_CEILING),
        compressed,
        ("idle RSS", resident, RSS_CEILING),
        (f"idle RSS, {MANY_RULES} rules", resident_many, RSS_CEILING_MANY),
        (f"peak RSS, {MANY_RULES} rules", peak_many, RSS_CEILING_MANY),
    ]
    static = is_static(binary)

    print(f"{'measured':<28} {'value':>10} {'ceiling':>10}")
    print(f"{'static':<28} {'yes' if static else 'NO':>10} {'yes':>10}")
    for name, size, ceiling in sizes:
        print(f"{name:<28} {mebibytes(size):>10} {mebibytes(ceiling):>10}{'' if size <= ceiling else '  ABOVE'}")
    for name, of, ceiling in [
        ("first answer", starts, START_CEILING_MILLISECONDS),
        (f"first answer, {MANY_RULES} rules", starts_many, START_CEILING_MILLISECONDS_MANY),
    ]:
        print(f"{name:<28} {min(of):>7.1f} ms {ceiling:>7} ms  least of {STARTS} starts, "
              f"median {statistics.median(of):.1f} ms")
    sys.exit(not static or any(size > ceiling for _, size, ceiling in sizes))


if __name__ == "__main__":
    main()
