#!/usr/bin/env python3
"""Compares the processor time that servers take for a request, in one interleaved run.

usage: benches/load.py NAME=SERVER ... [--rounds N] [--seconds N] [--connections N] [--body FILE]

The first server is what the others are compared with. A SERVER is
  PATH                a Detour binary, started on loopback with one rule
  constant:PATH       the benchmark `constant`, which answers without admission
  URL,PID             a process that runs already, such as another webhook
Needs wrk and openssl. Prints a Markdown table: of each server the median and
the range over the rounds of microseconds of processor time (user and system)
a request, and of its ratio to the first in the same round.
"""

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from process import REVIEW, Detour, Measured, free_port, make_certificate

SCRIPT = """
local file = assert(io.open(os.getenv("BODY"), "rb"))
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "application/json"
"""


@contextlib.contextmanager
def started(server, folder):
    if server.startswith("https://"):
        url, pid = server.rsplit(",", 1)
        yield Measured(int(pid), url)
    elif server.startswith("constant:"):
        address = f"127.0.0.1:{free_port()}"
        binary = server.removeprefix("constant:")
        process = subprocess.Popen([binary, address, f"{folder}/tls.crt", f"{folder}/tls.key"])
        try:
            yield Measured(process.pid, f"https://{address}/mutate")
        finally:
            process.kill()
            process.wait()
    else:
        with Detour(server, folder) as detour:
            detour.wait_until_it_answers()
            yield detour


def send(server, script, seconds, connections=8, **variables):
    """Runs wrk with the script, on one thread; what it tells, and how many requests it sent."""
    told = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script, server.url],
        env={**os.environ, "BODY": str(REVIEW), **variables}, capture_output=True, text=True, check=True).stdout
    requests = int(re.search(r"(\d+) requests in", told)[1])
    wrong = re.search(r"(Non-2xx.*|Socket errors.*)", told)
    if wrong or not requests:
        sys.exit(f"{server.url}: {wrong[1] if wrong else told}")
    return told, requests


def load(server, script, options, seconds):
    """Microseconds of processor time a request, and requests a second."""
    before = server.cpu_seconds()
    told, requests = send(server, script, seconds, options.connections, BODY=options.body)
    spent = server.cpu_seconds() - before
    return spent / requests * 1e6, float(re.search(r"Requests/sec: +([\d.]+)", told)[1])


def spread(values, digits):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("servers", nargs="+")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--body", default=str(REVIEW))
    options = parser.parse_args()
    named = dict(server.split("=", 1) for server in options.servers)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        make_certificate(folder)
        script = Path(folder) / "post.lua"
        script.write_text(SCRIPT)
        servers = {name: stack.enter_context(started(text, folder)) for name, text in named.items()}
        for server in servers.values():
            load(server, script, options, 1)
        rounds = [{name: load(server, script, options, options.seconds) for name, server in servers.items()}
                  for _ in range(options.rounds)]
    first = next(iter(servers))
    print(f"| c={options.connections}, {options.rounds} rounds of {options.seconds} s "
          f"| µs of processor a request | ratio to {first} | requests/s |\n|---|---:|---:|---:|")
    for name in servers:
        spent = [one[name][0] for one in rounds]
        ratios = [one[name][0] / one[first][0] for one in rounds]
        rates = [one[name][1] for one in rounds]
        print(f"| {name} | {spread(spent, 1)} | {spread(ratios, 2)} | {spread(rates, 0)} |")


if __name__ == "__main__":
    main()
