"""A file on the web that GDAL reads through Python, so that every answer is checked.

GDAL's own reader takes half an answer for a whole one: a body that was cut short becomes a header
without its end, or pixels without data, and nobody is told. Here each range is asked for again,
after growing pauses, until it is there as a whole. Tokens that have expired are renewed on the way.
"""

import io
import re
import time
from collections import OrderedDict
from functools import lru_cache
from threading import Lock

import requests

BLOCK = 2**15  # bytes that are asked for at least: the header of a Cloud-Optimised GeoTIFF
LARGEST = 2**20  # bytes that are asked for ahead where reads follow each other
HEADERS = 1024  # files whose first block is kept in memory: 32 MB


class Broken(Exception):
    """A file could not be read; the message is the last server's answer."""


class Hopeless(Broken):
    """It makes no sense to ask again."""


@lru_cache(maxsize=1)
def connections():
    """The HTTP connections of this process, kept open between requests."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=64))
    return session


class Headers:
    """First blocks of files, the last used ones: each window opens the same files again."""

    def __init__(self):
        self.kept, self.lock = OrderedDict(), Lock()

    def get(self, address):
        with self.lock:
            if address in self.kept:
                self.kept.move_to_end(address)
            return self.kept.get(address)

    def put(self, address, found):
        with self.lock:
            self.kept[address] = found
            while len(self.kept) > HEADERS:
                self.kept.popitem(last=False)

    def forget(self, address):
        with self.lock:
            self.kept.pop(address, None)


HEADERS_KEPT = Headers()


class RemoteFile(io.RawIOBase):
    """A file on the web, read in ranges. GDAL cannot stand an exception from a read: a read that
    fails gives nothing, and `problem` says why; nothing that was read then may be used.
    """

    def __init__(self, address, catalogue, pauses, timeout):
        super().__init__()
        self.address, self.catalogue = address, catalogue
        self.pauses, self.timeout = pauses, timeout
        self.place, self.problem, self.ahead = 0, None, BLOCK
        found = HEADERS_KEPT.get(address)
        if found is None:
            found = self.fetch(0, BLOCK)
            HEADERS_KEPT.put(address, found)
        self.first, self.size = found
        self.start, self.buffer = 0, b""

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.place

    def seek(self, offset, whence=io.SEEK_SET):
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.size}[whence]
        self.place = max(0, base + offset)
        return self.place

    def read(self, number=-1):
        """Up to `number` bytes from here on, less only at the end of the file."""
        stop = self.size if number < 0 else min(self.place + number, self.size)
        if self.problem or stop <= self.place:
            return b""
        try:
            found = self.between(self.place, stop)
        except Broken as error:
            self.problem = str(error)
            return b""
        self.place = stop
        return found

    def between(self, start, stop):
        """Bytes start .. stop, from memory where they are there."""
        if stop <= len(self.first):
            return self.first[start:stop]
        end = self.start + len(self.buffer)
        if not self.start <= start <= stop <= end:
            follows = self.buffer and start == end
            self.ahead = min(2 * self.ahead, LARGEST) if follows else BLOCK
            wanted = max(stop, start + self.ahead)
            self.buffer, _ = self.fetch(start, min(wanted, self.size))
            self.start = start
        return self.buffer[start - self.start : stop - self.start]

    def fetch(self, start, stop):
        """Bytes start .. stop and the size of the file. Raises Broken after the last try."""
        for pause in (*self.pauses, None):
            try:
                return self.ask(start, stop)
            except (requests.RequestException, OSError, Broken) as error:
                if pause is None or isinstance(error, Hopeless):
                    raise Broken(str(error)) from error
                time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def ask(self, start, stop):
        """As `fetch`, once."""
        address = self.catalogue.signed(self.address)
        asked = {"Range": f"bytes={start}-{stop - 1}"}
        with connections().get(address, headers=asked, timeout=self.timeout) as answer:
            if answer.status_code in (401, 403) and not self.catalogue.renew():
                raise Hopeless(f"the server answers {answer.status_code}, not allowed")
            if answer.status_code in (404, 410):
                raise Hopeless(f"the server answers {answer.status_code}, not found")
            if answer.status_code not in (200, 206):
                raise Broken(f"the server answers {answer.status_code}")
            return checked(answer, start, stop)


def checked(answer, start, stop):
    """Bytes start .. stop of an answer and the size of the file; Broken for too few bytes."""
    body = answer.content
    size = len(body)
    if answer.status_code == 206:
        told = re.search(r"/(\d+)$", answer.headers.get("Content-Range", ""))
        if told is None:
            raise Broken("the server does not tell the size of the file")
        size = int(told[1])
    else:  # a server that knows no ranges sends the whole file
        if int(answer.headers.get("Content-Length", size)) != size:
            raise Broken(f"{size} bytes came, fewer than announced")
        body = body[start:stop]
    if len(body) != min(stop, size) - start:
        raise Broken(f"{len(body)} bytes came, expected {min(stop, size) - start}")
    return body, size
