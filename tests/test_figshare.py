"""dataset/figshare.py against a server on this machine that answers as figshare's API documents."""

import hashlib
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from data_loader import load_samples
from dataset import figshare
from utils.errors import InputError


def published_array():
    """An array as the authors publish it, (N, 13, T), as the bytes of its file."""
    rng = np.random.default_rng(0)
    array = rng.uniform(300, 3000, (40, 13, 48))
    array[:, 10] = rng.integers(0, 6, (40, 1))
    array[:, 11], array[:, 12] = 112.9, 28.2
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


class Server(ThreadingHTTPServer):
    """Files by name, and how the server misbehaves."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"train.npy": published_array(), "notes.txt": b"what is what" * 50}
        self.md5 = {}  # name -> another MD5 than the true one
        self.cut_after = 0  # bytes after which a download breaks off
        self.cuts = 0  # how often it does so
        self.errors = 0  # answers 503 that come first
        self.ranges = True
        self.asked = []  # (path, Range header)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        if server.errors:
            server.errors -= 1
            return self.send_error(503)
        if self.path.startswith("/articles/"):
            return self.list_files()
        if self.path.startswith("/files/"):  # figshare redirects to a store of another name
            self.send_response(302)
            self.send_header("Location", f"{server.address}/store/{self.path.split('/')[2]}")
            return self.end_headers()
        return self.send_file(server.files.get(self.path.split("/")[-1]))

    def list_files(self):
        if not self.path.startswith(f"/articles/{figshare.ARTICLE}/files"):
            return self.send_error(404)
        query = dict(part.split("=") for part in self.path.split("?")[1].split("&"))
        page, size = int(query["page"]), int(query["page_size"])
        rows = [
            {
                "id": number,
                "name": name,
                "size": len(data),
                "is_link_only": False,
                "download_url": f"{self.server.address}/files/{name}",
                "supplied_md5": "",
                "computed_md5": self.server.md5.get(name, hashlib.md5(data).hexdigest()),
            }
            for number, (name, data) in enumerate(self.server.files.items())
        ]
        body = json.dumps(rows[(page - 1) * size : page * size]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_file(self, data):
        if data is None:
            return self.send_error(404)
        start, asked = 0, self.headers.get("Range")
        if asked and self.server.ranges:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        rest = data[start:]
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if self.server.cuts:
            self.server.cuts -= 1
            rest = rest[: self.server.cut_after]
        self.wfile.write(rest)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def fetch(server, folder, **options):
    return figshare.fetch_article(folder, api=server.address, **{"tries": 3, "pause": 0} | options)


def test_all_files_arrive_whole_and_run_py_reads_them(server, tmp_path, capsys):
    figshare.main(["--api", server.address, "--out", str(tmp_path)])
    for name, data in server.files.items():
        assert (tmp_path / name).read_bytes() == data
    assert len(load_samples(tmp_path / "train.npy")) == 40
    said = capsys.readouterr().out
    assert "40 series of 48 months" in said and "python run.py --data" in said
    assert not list(tmp_path.glob(".*.part"))


def test_files_of_all_pages_are_listed(server, monkeypatch):
    monkeypatch.setattr(figshare, "PAGE", 1)
    names = [each.name for each in figshare.list_files(api=server.address)]
    assert names == ["train.npy", "notes.txt"]


def test_a_download_that_breaks_off_goes_on_with_a_range(server, tmp_path):
    server.cuts, server.cut_after = 3, 50_000
    fetch(server, tmp_path)
    assert (tmp_path / "train.npy").read_bytes() == server.files["train.npy"]
    ranges = [asked for path, asked in server.asked if path.startswith("/store/train")]
    assert ranges == [None, *(f"bytes={50_000 * times}-" for times in (1, 2, 3))]


def test_a_second_run_goes_on_where_the_first_was_killed(server, tmp_path):
    (tmp_path / ".train.npy.part").write_bytes(server.files["train.npy"][:1234])
    fetch(server, tmp_path)
    assert ("/store/train.npy", "bytes=1234-") in server.asked
    assert (tmp_path / "train.npy").read_bytes() == server.files["train.npy"]


def test_a_server_without_ranges_starts_again(server, tmp_path):
    server.ranges = False
    (tmp_path / ".train.npy.part").write_bytes(b"x" * 1000)
    fetch(server, tmp_path)
    assert (tmp_path / "train.npy").read_bytes() == server.files["train.npy"]


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.errors = 2
    fetch(server, tmp_path)
    assert (tmp_path / "train.npy").exists()


def test_a_server_that_stays_busy_ends_in_one_line(server, tmp_path):
    server.errors = 1000
    with pytest.raises(InputError, match="503") as error:
        fetch(server, tmp_path)
    assert "\n" not in str(error.value)


def test_a_download_that_never_gets_on_keeps_what_it_has(server, tmp_path):
    (tmp_path / ".train.npy.part").write_bytes(server.files["train.npy"][:500])
    server.cuts, server.cut_after = 1000, 0
    with pytest.raises(InputError, match="500 of .* are kept: give the same command again"):
        fetch(server, tmp_path)
    assert (tmp_path / ".train.npy.part").stat().st_size == 500


def test_a_damaged_file_is_thrown_away(server, tmp_path):
    server.md5["train.npy"] = "0" * 32
    with pytest.raises(InputError, match="MD5"):
        fetch(server, tmp_path)
    assert not (tmp_path / "train.npy").exists() and not (tmp_path / ".train.npy.part").exists()


def test_a_file_that_is_there_is_not_fetched_again(server, tmp_path):
    fetch(server, tmp_path)
    server.asked.clear()
    fetch(server, tmp_path)
    assert all(path.startswith("/articles/") for path, _ in server.asked)


def test_a_file_changed_since_is_fetched_again(server, tmp_path):
    fetch(server, tmp_path)
    data = bytearray(server.files["train.npy"])
    data[-1] ^= 1
    (tmp_path / "train.npy").write_bytes(data)
    fetch(server, tmp_path)
    assert (tmp_path / "train.npy").read_bytes() == server.files["train.npy"]


def test_names_cannot_leave_the_folder():
    row = {"name": "../../etc/x.npy", "size": 1, "download_url": "u", "computed_md5": "A"}
    assert figshare.remote_file(row) == figshare.RemoteFile("x.npy", 1, "a", "u")


@pytest.mark.parametrize("article, words", [(1, "404"), (figshare.ARTICLE, "no connection")])
def test_article_that_cannot_be_listed_is_one_line(server, tmp_path, article, words):
    api = server.address if article == 1 else "http://127.0.0.1:9"
    with pytest.raises(InputError, match=words) as error:
        figshare.fetch_article(tmp_path, article=article, api=api, tries=2, pause=0)
    assert "\n" not in str(error.value)
