"""A Detour process to measure, and what the kernel counts of a process."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REVIEW = ROOT / "benches/data/review.json"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# Made once: it takes longer than what is measured.
TRUSTING = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TRUSTING.check_hostname, TRUSTING.verify_mode = False, ssl.CERT_NONE

RULES = """apiVersion: detour.dev/v1alpha1
kind: ClusterImageMap
metadata: {name: hub}
spec: {rules: [{prefix: docker.io, to: mirror.example.com/dockerhub}]}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def make_certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=detour", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", f"{folder}/tls.key", "-out", f"{folder}/tls.crt"],
        check=True, stderr=subprocess.DEVNULL)


def request(body, close=False):
    head = (f"POST /mutate HTTP/1.1\r\nHost: detour\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n")
    return (head + ("Connection: close\r\n" if close else "") + "\r\n").encode() + body


class Measured:
    """A process that answers reviews at `url`."""

    def __init__(self, pid, url):
        self.pid, self.url = pid, url

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def status(self, key):
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(key + ":")).split()[1])

    def resident_mebibytes(self):
        return self.status("VmRSS") / 1024


class Detour(Measured):
    """Serves on loopback, with a certificate from files; ended on leaving a `with`."""

    def __init__(self, binary, folder, *options, rules=None, log=subprocess.DEVNULL):
        self.port = free_port()
        rules_file = Path(folder) / "hub.yaml"
        rules_file.write_text(RULES)
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(
            [binary, "serve", "--tls", "files", "--tls-cert", f"{folder}/tls.crt", "--tls-key",
             f"{folder}/tls.key", "--rules", rules or rules_file, "--listen", f"127.0.0.1:{self.port}",
             "--ops-listen", "127.0.0.1:0", *options],
            stdout=subprocess.DEVNULL, stderr=log)
        super().__init__(self.process.pid, f"https://127.0.0.1:{self.port}/mutate")

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), 10)
        # As the API server does; else the request waits for the kernel's delayed acknowledgement.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return TRUSTING.wrap_socket(plain)

    def wait_until_it_answers(self):
        """Milliseconds from the start of the process to its first answer."""
        asked = request(REVIEW.read_bytes(), close=True)
        while True:
            try:
                with self.connect() as stream:
                    stream.sendall(asked)
                    if stream.recv(64).startswith(b"HTTP/1.1 200 "):
                        return (time.perf_counter() - self.begun) * 1000
            except OSError:
                pass
            if self.process.poll() is not None:
                sys.exit(f"it ended with {self.process.returncode} before its first answer")
            if time.perf_counter() - self.begun > 30:
                sys.exit("no answer within 30 s")
            time.sleep(0.0005)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def ask(stream, asked):
    """Sends a request and reads its answer to the end."""
    stream.sendall(asked)
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = stream.recv(65536)
        if not piece:
            raise OSError("the connection was closed")
        answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise OSError(head.split(b"\r\n")[0].decode())
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += stream.recv(65536)
