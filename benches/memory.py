#!/usr/bin/env python3
"""Measures what a Detour binary holds in memory: with idle connections, and after many requests.

usage: benches/memory.py BINARY [--connections N] [--requests N]

Opens N TLS connections (500) that ask once each, tells the resident memory
they add, at once and when they are idle, and asks on each of them again. Then
sends N requests (1,000,000) by wrk, and compares with after the first 10,000.
Needs wrk and openssl.
"""

import argparse
import tempfile
import time
from pathlib import Path

from load import SCRIPT, send
from process import REVIEW, Detour, ask, make_certificate, request


def idle(detour, count):
    asked = request(REVIEW.read_bytes())
    with detour.connect() as stream:
        ask(stream, asked)
    time.sleep(1)
    start = detour.resident_mebibytes()
    streams = []
    for _ in range(count):
        stream = detour.connect()
        ask(stream, asked)
        streams.append(stream)
    at_once = detour.resident_mebibytes() - start
    time.sleep(2)
    later = detour.resident_mebibytes() - start
    for stream in streams:
        ask(stream, asked)
    for stream in streams:
        stream.close()
    time.sleep(2)
    print(f"{count} idle connections that asked once: {start:.1f} MiB before, {at_once:+.1f} at once, "
          f"{later:+.1f} when idle; all {count} answered again; "
          f"{detour.resident_mebibytes():.1f} MiB after they closed")


def soak(detour, script, requests):
    def send_all(wanted):
        sent = 0
        while sent < wanted:
            sent += send(detour, script, 1)[1]
        return sent
    first = send_all(10_000)
    begun = detour.resident_mebibytes()
    more = send_all(requests)
    print(f"{first} requests: {begun:.2f} MiB; {more} more: {detour.resident_mebibytes():.2f} MiB "
          f"(peak {detour.status('VmHWM') / 1024:.2f})")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--requests", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_certificate(folder)
        script = Path(folder) / "post.lua"
        script.write_text(SCRIPT)
        with Detour(options.binary, folder, "--max-connections", str(options.connections + 100)) as detour:
            detour.wait_until_it_answers()
            idle(detour, options.connections)
        with Detour(options.binary, folder) as detour:
            detour.wait_until_it_answers()
            soak(detour, script, options.requests)


if __name__ == "__main__":
    main()
