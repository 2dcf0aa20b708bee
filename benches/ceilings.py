#!/usr/bin/env python3
"""Measures a binary against the ceilings that Detour promises, and prints a table.

usage: benches/ceilings.py BINARY [IMAGE_ARCHIVE]

Fails when the binary is not static, or when one of the sizes is above its
ceiling. The cold start is printed only: a busy machine says nothing about it.
"""

import gzip
import signal
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MIB = 1024 * 1024
BINARY_CEILING = 6 * MIB
IMAGE_CEILING = 3 * MIB
RSS_CEILING = 8 * MIB
START_CEILING_MILLISECONDS = 15
STARTS = 20
REVIEWS = 20
DATA = Path(__file__).resolve().parent.parent / "tests"
PROGRAM_HEADER_INTERPRETER = 3
# Made once: it takes longer than what is measured.
TRUSTING = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TRUSTING.check_hostname, TRUSTING.verify_mode = False, ssl.CERT_NONE


def is_static(binary):
    """No program header names an interpreter (a static-pie has a dynamic section all the same)."""
    elf = binary.read_bytes()
    if elf[:5] != b"\x7fELF\x02":
        sys.exit(f"{binary}: not a 64-bit ELF file")
    (offset,) = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    kinds = (struct.unpack_from("<I", elf, offset + index * size)[0] for index in range(count))
    return PROGRAM_HEADER_INTERPRETER not in kinds


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Process:
    """A Detour that serves the golden rules on loopback, with a certificate from files."""

    def __init__(self, binary, folder):
        self.port = free_port()
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [binary, "serve", "--tls", "files", "--tls-cert", f"{folder}/tls.crt",
             "--tls-key", f"{folder}/tls.key", "--rules", DATA / "golden/rules.yaml",
             "--listen", f"127.0.0.1:{self.port}", "--ops-listen", "127.0.0.1:0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(self, request):
        """Whether a review, sent over a new connection, was answered 200."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as plain, \
                    TRUSTING.wrap_socket(plain) as stream:
                # As the API server does; else the request waits for the kernel's delayed acknowledgement.
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                stream.sendall(request)
                return stream.recv(64).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False

    def first_answer(self, request):
        """Milliseconds from the start of the process to its first answer."""
        while not self.ask(request):
            if self.process.poll() is not None:
                sys.exit(f"detour ended with {self.process.returncode} before its first answer")
            if time.perf_counter() - self.started > 30:
                sys.exit("no answer within 30 s")
            time.sleep(0.0005)
        return (time.perf_counter() - self.started) * 1000

    def resident_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def measure_process(binary):
    body = (DATA / "data/reviews/005-create-pods-web-6c8b655648-replicaset.json").read_bytes()
    head = ("POST /mutate HTTP/1.1\r\nHost: detour\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n")
    request = head.encode() + body
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "2", "-subj", "/CN=detour", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", f"{folder}/tls.key", "-out", f"{folder}/tls.crt"],
            check=True, stderr=subprocess.DEVNULL)
        starts = []
        for _ in range(STARTS):
            with Process(binary, folder) as process:
                starts.append(process.first_answer(request))
        with Process(binary, folder) as process:
            process.first_answer(request)
            if not all(process.ask(request) for _ in range(REVIEWS)):
                sys.exit("a review was not answered")
            return starts, process.resident_bytes()


def mebibytes(size):
    return f"{size / MIB:.2f} MiB"


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    binary = Path(sys.argv[1]).resolve()
    starts, resident = measure_process(binary)
    sizes = [("binary", binary.stat().st_size, BINARY_CEILING), ("idle RSS", resident, RSS_CEILING)]
    if len(sys.argv) == 3:
        archive = Path(sys.argv[2])
        sizes.insert(1, ("image, compressed", archive.stat().st_size, IMAGE_CEILING))
    else:
        compressed = len(gzip.compress(binary.read_bytes(), 9))
        sizes.insert(1, ("binary, compressed", compressed, IMAGE_CEILING))
    static = is_static(binary)

    print(f"{'measured':<22} {'value':>10} {'ceiling':>10}")
    print(f"{'static':<22} {'yes' if static else 'NO':>10} {'yes':>10}")
    for name, size, ceiling in sizes:
        print(f"{name:<22} {mebibytes(size):>10} {mebibytes(ceiling):>10}{'' if size <= ceiling else '  ABOVE'}")
    print(f"{'first answer, least':<22} {min(starts):>7.1f} ms {START_CEILING_MILLISECONDS:>7} ms")
    print(f"{'first answer, median':<22} {statistics.median(starts):>7.1f} ms   of {STARTS} starts, to a new connection")
    sys.exit(not static or any(size > ceiling for _, size, ceiling in sizes))


if __name__ == "__main__":
    main()
