"""Servers on loopback for the tests of composite.py: files with faults, and a real STAC API."""

import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import requests

STALL = 3  # seconds that a stalled answer takes; the tests' time-out is shorter


class FileServer(ThreadingHTTPServer):
    """Serves a folder with ranges, also as a proxy for any host.

    faults: kinds that the first answers for each file have, in turn: '503', 'truncate', 'stall'
    (the blue band only).
    broken: a file whose path has this in it never comes. uses: how often a token is good (None: no
    token is asked for). Tokens are given out at /token/ACCOUNT/CONTAINER.
    """

    daemon_threads = True

    def __init__(self, folder, faults=(), broken=None, uses=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.faults, self.broken, self.uses = Path(folder), faults, broken, uses
        self.asked, self.spent, self.tokens, self.lock = Counter(), Counter(), 0, threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        address = urlparse(self.path)
        if address.path.startswith("/token/"):
            return self.give_token()
        if not self.may_read(parse_qs(address.query)):
            return self.answer(403, b"the token has expired")
        path = self.server.folder / re.sub(r"^/container", "", address.path).lstrip("/")
        if not path.is_file():
            return self.answer(404, b"no such file")
        with self.server.lock:
            turn = self.server.asked[path]
            self.server.asked[path] += 1
        fault = self.server.faults[turn] if turn < len(self.server.faults) else None
        if self.server.broken and self.server.broken in str(path):
            fault = "503"
        if fault == "503":
            return self.answer(503, b"busy")
        if fault == "stall" and "B02" in str(path):
            time.sleep(STALL)
        self.give_file(path.read_bytes(), cut=fault == "truncate")

    def give_file(self, content, cut):
        """Answer with the range that is asked for; cut: only with its first half."""
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, size = 0, len(content)
        if asked:
            start = int(asked[1])
            stop = min(int(asked[2] or size - 1) + 1, size)
            if start >= size:
                return self.answer(416, b"")
            content = content[start:stop]
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{start + len(content) - 1}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):  # the client gave up
            self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True

    def give_token(self):
        with self.server.lock:
            self.server.tokens += 1
            token = f"sig={self.server.tokens}"
        expiry = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.answer(200, json.dumps({"msft:expiry": expiry, "token": token}).encode())

    def may_read(self, query):
        """Is the token one that was given out and not yet used up?"""
        if self.server.uses is None:
            return True
        token = query.get("sig", ["0"])[0]
        with self.server.lock:
            self.server.spent[token] += 1
            known = 0 < int(token) <= self.server.tokens
            return known and self.server.spent[token] <= self.server.uses

    def answer(self, code, body):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def file_server(folder, **how):
    """Yield a FileServer that runs beside the test."""
    server = FileServer(folder, **how)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def stac_api(catalogue, files, folder):
    """Yield the URL of a STAC API (rustac) over an item collection, its files at `files`."""
    items = json.loads(Path(catalogue).read_text())
    for item in items["features"]:
        for asset in item["assets"].values():
            asset["href"] = asset["href"].replace("./", f"{files}/")
    path = Path(folder) / "served.json"
    path.write_text(json.dumps(items))
    port = free_port()
    program = Path(sys.executable).with_name("rustac")
    command = [program, "serve", "-a", f"127.0.0.1:{port}", "--create-collections", path]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"
    try:
        wait_for(url, server)
        yield url
    finally:
        server.kill()
        server.wait()


def free_port():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        return server.server_address[1]


def wait_for(url, server):
    """Wait until a server answers."""
    for _ in range(200):
        assert server.poll() is None, "the STAC API ended"
        try:
            requests.get(url, timeout=1)
            return
        except requests.RequestException:
            time.sleep(0.05)
    raise AssertionError("the STAC API does not answer")
