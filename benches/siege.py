#!/usr/bin/env python3
"""Sends many requests while rules and certificate are exchanged and slow clients hold connections.

usage: benches/siege.py BINARY [--requests N] [--slow N]

Counts answers that are not exactly what one of the two rule sets makes of the
review (1,000,000 requests, 200 slow clients; rules and certificate are
replaced by rename about every second, and Detour looks every 10 s). Fails when there
is one, or when wrk has trouble with a connection.
Needs wrk and openssl.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from load import SCRIPT as POST, send
from process import REVIEW, RULES, Detour, make_certificate, request

# One thread of wrk: what it counted is printed at its end.
SCRIPT = POST + """
local right = {}
for patch in string.gmatch(os.getenv("PATCHES"), "%S+") do right[patch] = true end
wrong = 0
function response(status, headers, body)
    local patch = string.match(body, '"patch":"([^"]*)"')
    if status ~= 200 or not right[patch] then wrong = wrong + 1 end
end
local threads = {}
function setup(thread) table.insert(threads, thread) end
function done() print("wrong " .. threads[1]:get("wrong")) end
"""


def patch_of(binary, rules):
    """What the rules make of the review, in base64."""
    answer = subprocess.run([binary, "review", "--rules", rules], input=REVIEW.read_bytes(),
                            capture_output=True, check=True).stdout
    return json.loads(answer)["response"]["patch"]


class Exchange(threading.Thread):
    """Puts one of two generations of rules and certificate into place, in turn."""

    def __init__(self, folder, generations):
        super().__init__(daemon=True)
        self.folder, self.generations, self.count = folder, generations, 0
        self.ended = threading.Event()

    def run(self):
        # Not in step with the polls, which would see the same one each time.
        while not self.ended.wait(random.uniform(0.5, 2)):
            generation = self.generations[self.count % 2]
            for name in ("hub.yaml", "tls.crt", "tls.key"):
                shutil.copy(generation / name, self.folder / "new")
                os.rename(self.folder / "new", self.folder / name)
            self.count += 1


class Slow(threading.Thread):
    """Clients that send a byte a second, and come again when they are cut."""

    def __init__(self, detour, count):
        super().__init__(daemon=True)
        self.detour, self.count, self.cut = detour, count, 0
        self.ended = threading.Event()

    def run(self):
        head = request(REVIEW.read_bytes())[:400]
        streams = [[self.detour.connect(), 0] for _ in range(self.count)]
        while not self.ended.wait(1):
            for one in streams:
                try:
                    one[0].send(head[one[1] % len(head):][:1])
                    one[1] += 1
                except OSError:
                    self.cut += 1
                    one[:] = [self.detour.connect(), 0]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("binary")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--slow", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        generations = [folder / "one", folder / "other"]
        for number, generation in enumerate(generations):
            generation.mkdir()
            make_certificate(generation)
            (generation / "hub.yaml").write_text(RULES.replace("mirror.", "mirror." if number == 0 else "other."))
        for name in ("tls.crt", "tls.key"):
            shutil.copy(generations[0] / name, folder / name)
        script = folder / "post.lua"
        script.write_text(SCRIPT)
        patches = " ".join(patch_of(options.binary, generation / "hub.yaml") for generation in generations)
        log = open(folder / "log", "wb")
        sent = wrong = 0
        with Detour(options.binary, folder, "--max-connections", str(options.slow + 56),
                    log=log) as detour:
            detour.wait_until_it_answers()
            exchange, slow = Exchange(folder, generations), Slow(detour, options.slow)
            exchange.start()
            slow.start()
            begun = time.monotonic()
            while sent < options.requests:
                told, requests = send(detour, script, 20, PATCHES=patches)
                sent += requests
                wrong += int(told.rsplit("wrong ", 1)[1])
            took = time.monotonic() - begun
            exchange.ended.set()
            slow.ended.set()
        lines = (folder / "log").read_text(errors="replace").splitlines()
        taken = sum("now serving the certificate" in line or "rules in force" in line for line in lines)
        print(f"{sent} requests in {took:.0f} s, {wrong} wrong; {exchange.count} exchanges, {taken} taken "
              f"over; {options.slow} slow clients, cut {slow.cut} times")
        sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
