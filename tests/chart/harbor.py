#!/usr/bin/env python3
"""A Harbor with a public and a private proxy project, over TLS on loopback.

usage: tests/chart/harbor.py PORT CERTIFICATE KEY DIRECTORY

Answers the calls of Harbor's API v2.0 that Detour makes. The account is in the files
username and password in DIRECTORY, as they are at each call.
"""

import base64
import http.server
import json
import pathlib
import ssl
import sys

PORT, CERTIFICATE, KEY, DIRECTORY = sys.argv[1:]
REGISTRY = "harbor.example.com"
UPSTREAMS = {"quay": ("true", "quay", "https://quay.io"), "ghcr": ("false", "github-ghcr", "https://ghcr.io")}


def project(number, name):
    return {"project_id": number, "name": name, "registry_id": number, "metadata": {"public": UPSTREAMS[name][0]}}


def authorization():
    username, password = (pathlib.Path(DIRECTORY, name).read_text() for name in ("username", "password"))
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        is_known = self.headers.get("Authorization") == authorization()
        visible = [name for name in UPSTREAMS if is_known or UPSTREAMS[name][0] == "true"]
        parts = self.path.split("?")[0].removeprefix("/api/v2.0/").split("/")
        if parts == ["systeminfo"]:
            self.answer(200, {"auth_mode": "db_auth", **({"registry_url": REGISTRY} if is_known else {})})
        elif parts == ["projects"]:
            projects = [project(number, name) for number, name in enumerate(UPSTREAMS, 1) if name in visible]
            self.answer(200, projects, [("X-Total-Count", str(len(projects)))])
        elif len(parts) == 3 and parts[1] in visible and parts[2] == "summary":
            _, kind, url = UPSTREAMS[parts[1]]
            self.answer(200, {"repo_count": 0, "registry": {"type": kind, "url": url, "status": "healthy"}})
        else:
            self.answer(403, {"errors": [{"code": "FORBIDDEN", "message": "forbidden"}]})

    def answer(self, status, body, headers=()):
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in [("Content-Type", "application/json"), ("Content-Length", str(len(text))), *headers]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(PORT)), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
