"""Fetch the authors' data: figshare article 25764108, the benchmark of He et al. 2024.

    python dataset/figshare.py                       # into dataset/figshare/
    python dataset/figshare.py --list                # only say what is there
    python run.py --data dataset/figshare/NAME.npy   # then train on it

An interrupted download goes on where it stopped: give the same command again. Sizes and MD5 sums
come from figshare's API and are checked. A file that is there and whole is not fetched again.
"""

import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to find utils, from anywhere

from utils.errors import InputError, run_main
from utils.files import claimed
from utils.flags import Parser, whole_number

ARTICLE = 25_764_108
API = "https://api.figshare.com/v2"
PAGE = 100  # files that one answer of the API lists
BLOCK = 1 << 20  # bytes read at a time
TIMEOUT = 60  # seconds without an answer
PASSING = (429, 500, 502, 503, 504)  # answers of a server that may be well again soon


@dataclass(frozen=True)
class RemoteFile:
    """A file of an article. size in bytes; md5 in hexadecimal, "" where figshare gives none."""

    name: str
    size: int
    md5: str
    url: str


def fetch_article(folder, *, article=ARTICLE, api=API, tries=6, pause=2.0):
    """Fetch all files of an article into `folder`; returns their paths.

    tries: how often a download that brings nothing new is tried; pause: seconds before the second
    try, doubled each time. Raises InputError where a file cannot be had whole.
    """
    files = list_files(article, api=api, tries=tries, pause=pause)
    with claimed(folder) as folder:
        return [fetch(each, folder, tries=tries, pause=pause) for each in files]


def list_files(article=ARTICLE, *, api=API, tries=6, pause=2.0):
    """RemoteFile of each file of an article, from all pages of the API's answer."""
    found, page = [], 1
    while True:
        url = f"{api}/articles/{article}/files?page={page}&page_size={PAGE}"
        rows = json_of(url, tries, pause)
        try:
            found += [remote_file(row) for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{url}: answer not understood ({error!r}); expected name, size, download_url"
            ) from error
        if len(rows) < PAGE:
            break
        page += 1
    if not found:
        raise InputError(f"{api}/articles/{article}: no files in it")
    return found


def remote_file(row):
    """RemoteFile of one row of the API's answer. Only the last part of a name is used."""
    name = Path(str(row["name"]).replace("\\", "/")).name
    if not name or name.startswith("."):
        raise ValueError(f"file name {row['name']!r}")
    md5 = str(row.get("computed_md5") or row.get("supplied_md5") or "")
    return RemoteFile(name, int(row["size"]), md5.lower(), str(row["download_url"]))


def json_of(url, tries, pause):
    """The JSON that a URL answers; raises InputError."""
    for wait in waits(tries, pause):
        try:
            with open_url(url) as answer:
                return json.loads(answer.read())
        except ValueError as error:
            raise InputError(f"{url}: answer is no JSON ({error})") from error
        except (OSError, HTTPException) as error:
            reason = reason_of(error)
            if not may_pass(error):
                break
        time.sleep(wait)
    raise InputError(f"{url}: {reason}; expected an answer of figshare's API")


def fetch(file, folder, *, tries=6, pause=2.0):
    """Fetch one RemoteFile into `folder`, going on with what is there of it; returns its path."""
    path = Path(folder) / file.name
    part = Path(folder) / f".{file.name}.part"
    if is_whole(path, file):
        print(f"{path}: is there")
        return path
    left, reason, wait = tries, "", pause
    with tqdm(total=file.size, unit="B", unit_scale=True, desc=file.name) as bar:
        while left > 0 and size_of(part) != file.size:
            before = size_of(part)
            try:
                download(file, part, bar)
                reason = f"ended after {size_of(part):,} of {file.size:,} bytes"
            except (OSError, HTTPException) as error:
                reason = reason_of(error)
                if not may_pass(error):
                    break
            if size_of(part) > before:  # it goes on: be patient
                left, wait = tries, pause
            elif left := left - 1:
                time.sleep(wait)
                wait *= 2
    if size_of(part) != file.size:
        raise InputError(
            f"{file.url}: {reason}; {size_of(part):,} of {file.size:,} bytes of {file.name} are "
            "kept: give the same command again"
        )
    if file.md5 and md5_of(part) != file.md5:
        part.unlink()
        raise InputError(
            f"{path}: MD5 of what came is not {file.md5}, which figshare gives; it was thrown away"
        )
    os.replace(part, path)
    return path


def download(file, part, bar):
    """Append to `part` what is missing of it; a server without ranges starts again at 0."""
    start = size_of(part)
    if start > file.size:
        part.unlink()
        start = 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    with open_url(file.url, headers) as answer:
        goes_on = answer.status == 206 and starts_at(answer) == start
        with open(part, "ab" if goes_on else "wb") as out:
            bar.n = start if goes_on else 0
            bar.refresh()
            while block := answer.read(BLOCK):
                out.write(block)
                bar.update(len(block))
            out.flush()
            os.fsync(out.fileno())


def starts_at(answer):
    """First byte of a partial answer, from `Content-Range: bytes 100-199/200`."""
    said = answer.headers.get("Content-Range", "").removeprefix("bytes ").split("-")[0]
    return int(said) if said.isdecimal() else None


def open_url(url, headers=None):
    """Open a URL; redirects are followed, and keep the range."""
    headers = {"User-Agent": "TSSCD dataset/figshare.py"} | (headers or {})
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)


def waits(tries, pause):
    """Seconds to wait after each try."""
    return [pause * 2**number for number in range(tries - 1)] + [0]


def may_pass(error):
    """Whether another try may do better."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code in PASSING
    return isinstance(error, HTTPException | urllib.error.URLError | TimeoutError | ConnectionError)


def reason_of(error):
    """What went wrong, in a few words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return f"no connection, or it broke ({reason})"


def is_whole(path, file):
    """Whether a file is there with the size and MD5 that figshare gives."""
    return size_of(path) == file.size and path.is_file() and file.md5 in ("", md5_of(path))


def size_of(path):
    """Bytes of a file, 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0


def md5_of(path):
    """MD5 of a file, in hexadecimal: figshare's check against damage, no protection."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def what_it_is(path):
    """What a file holds, and the command that reads it."""
    if path.suffix == ".npy":
        try:
            shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
        except (ValueError, OSError) as error:
            return f"not readable as an array ({str(error).splitlines()[0]})"
        if len(shape) == 3 and shape[1] == 13:
            what = f"{shape[0]:,} series of {shape[2]} months: ten bands, label, two coordinates"
        elif len(shape) == 3 and shape[2] == 11:
            what = f"{shape[0]:,} series of {shape[1]} months: ten bands, label"
        else:
            return f"array of shape {shape}; not a format that run.py reads"
        return f"{what}; python run.py --data {path}"
    if path.suffix == ".pth":
        return f"weights of the published network; python demo.py --weights {path}"
    if path.suffix in (".zip", ".rar", ".7z", ".gz"):
        return "an archive; unpack it, and give the files in it to run.py --data"
    return "not read by this project"


def make_parser():
    """The command line."""
    parser = Parser(__doc__)
    parser.add_argument("--out", default="dataset/figshare", help="folder of the files")
    parser.add_argument("--list", action="store_true", help="only list the files")
    parser.add_argument(
        "--article", type=whole_number(1), default=ARTICLE, help="number of the article"
    )
    parser.add_argument("--api", default=API, help="address of figshare's API")
    parser.add_argument(
        "--tries", type=whole_number(1), default=6, help="tries that bring nothing before it ends"
    )
    return parser


def main(words=None):
    args = make_parser().parse_args(words)
    if args.list:
        for each in list_files(args.article, api=args.api, tries=args.tries):
            print(f"{each.size:>15,} bytes  {each.md5 or 'no MD5':32s}  {each.name}")
        return
    for path in fetch_article(args.out, article=args.article, api=args.api, tries=args.tries):
        print(f"{path}: {what_it_is(path)}")


if __name__ == "__main__":
    run_main(main)
