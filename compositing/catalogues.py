"""Where scenes come from. What differs between catalogues stands here and nowhere else.

A catalogue gives STAC items as dicts, says how the address of a file becomes one that can be read
(`signed`), and renews what has expired (`renew`).
"""

import json
import os
import threading
from pathlib import Path
from urllib.parse import urljoin, urlparse

import requests

from compositing.scenes import time_of
from stacks.area import boxes_touch
from utils.errors import InputError

COLLECTION = "sentinel-2-l2a"
PAGE = 100  # items that an API sends at once


class Catalogue:
    """A STAC API, or a static catalogue, collection or item collection, on disk or on the web."""

    name = None
    address = None
    needs = ()  # environment variables

    def __init__(self, address=None, collection=None, *, retries=5, timeout=30):
        self.address = address or self.address
        self.collection = collection
        self.retries, self.timeout = retries, timeout
        missing = [name for name in self.needs if not os.environ.get(name)]
        if missing:
            raise InputError(
                f"--catalog {self.name}: needs the environment variables {' and '.join(missing)}"
            )

    def __str__(self):
        return self.name or str(self.address)

    def items(self, bbox, first, last):
        """Items that touch bbox (W, S, E, N in degrees) from month `first` to `last`, as pairs
        (item, a function that makes an asset's address absolute).
        """
        try:
            top = read_json(self.address, self.retries, self.timeout)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"--catalog {self}: cannot be read ({reason}); expected a STAC API or a JSON file"
            ) from error
        if is_api(top):
            return list(self.searched(bbox, first, last))
        return list(self.walked(top, bbox, first, last))

    def searched(self, bbox, first, last):
        """Ask a STAC API."""
        from pystac_client import Client  # slow to import
        from pystac_client.exceptions import APIError
        from pystac_client.stac_api_io import StacApiIO

        days = f"{first}-01T00:00:00Z/{(last + 1).astype('datetime64[s]') - 1}Z"
        collection = self.collection or COLLECTION
        try:
            way = StacApiIO(max_retries=self.retries, timeout=self.timeout)
            client = Client.open(str(self.address), stac_io=way)
            search = client.search(collections=[collection], bbox=bbox, datetime=days, limit=PAGE)
            for item in search.items_as_dicts():
                own = next((k["href"] for k in item["links"] if k["rel"] == "self"), None)
                yield item, resolver(own or str(self.address))
        except (APIError, requests.RequestException, OSError, ValueError, KeyError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"--catalog {self}: the search of '{collection}' failed ({reason})"
            ) from error

    def walked(self, top, bbox, first, last):
        """Go through a static catalogue, which nobody can search, and keep what fits."""
        for item, place in every_item(top, str(self.address), self):
            if self.collection and item.get("collection") not in (None, self.collection):
                continue
            if fits(item, bbox, first, last):
                yield item, resolver(place)

    def options(self):
        """Settings of GDAL with which this catalogue's files are read."""
        return {}

    def signed(self, address):
        """The address with which a file can be read now."""
        return address

    def renew(self):
        """Forget signatures that have expired. Returns whether there was anything to renew."""
        return False


class PlanetaryComputer(Catalogue):
    """Microsoft's: files are read with tokens that expire after less than an hour."""

    name = "planetary-computer"
    address = "https://planetarycomputer.microsoft.com/api/stac/v1"
    lock = threading.Lock()  # many readers, one renewal

    def signed(self, address):
        import planetary_computer

        with self.lock:
            try:
                return planetary_computer.sign_url(address)
            except Exception as error:  # requests' and pydantic's, by what the server answers
                raise OSError(f"no token for {urlparse(address).netloc} ({error})") from error

    def renew(self):
        from planetary_computer import sas

        with self.lock:
            sas.TOKEN_CACHE.clear()
        return True


class EarthSearch(Catalogue):
    """Element 84's on Amazon: open to all."""

    name = "earth-search"
    address = "https://earth-search.aws.element84.com/v1"

    def options(self):
        return {"AWS_NO_SIGN_REQUEST": "YES"}  # for the older scenes, whose files have S3 addresses


class Cdse(Catalogue):
    """Copernicus Data Space: JPEG 2000 files behind S3 keys, which its users make themselves.

    GDAL takes the keys from the environment.
    """

    name = "cdse"
    address = "https://stac.dataspace.copernicus.eu/v1"
    needs = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    endpoint = {"AWS_S3_ENDPOINT": "eodata.dataspace.copernicus.eu", "AWS_HTTPS": "YES"}

    def options(self):
        return self.endpoint | {"AWS_VIRTUAL_HOSTING": "FALSE"}


KNOWN = {kind.name: kind for kind in (PlanetaryComputer, EarthSearch, Cdse)}


def open_catalogue(name, collection=None, **settings):
    """A catalogue by its name, its URL or its file; raises InputError."""
    if name in KNOWN:
        return KNOWN[name](collection=collection, **settings)
    if is_url(name):
        return Catalogue(name, collection, **settings)
    if not Path(name).is_file():
        names = ", ".join(KNOWN)
        raise InputError(
            f"--catalog {name}: not found; expected {names}, a STAC API's URL or a JSON file"
        )
    return Catalogue(str(Path(name).resolve()), collection, **settings)


def is_url(address):
    return urlparse(str(address)).scheme in ("http", "https")


def read_json(address, retries, timeout):
    """A JSON object from a file or a URL; raises OSError or ValueError."""
    if not is_url(address):
        found = json.loads(Path(address).read_text(encoding="utf-8"))
    else:
        found = session(retries).get(address, timeout=timeout)
        found.raise_for_status()
        found = found.json()
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def session(retries):
    """An HTTP session that asks again, with growing pauses, where the server falters."""
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    again = Retry(total=retries, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504))
    opened = requests.Session()
    for scheme in ("http://", "https://"):
        opened.mount(scheme, HTTPAdapter(max_retries=again))
    return opened


def is_api(top):
    """Can this be searched?"""
    searchable = any(link.get("rel") == "search" for link in top.get("links", []))
    return searchable or any("item-search" in name for name in top.get("conformsTo", []))


def every_item(found, place, catalogue, above=()):
    """Pairs (item, its address) of all items in or below a STAC object, in their order.

    above: addresses of the objects that this one lies in; a link back to one of them is not
    followed.
    """
    kind = found.get("type")
    if kind == "Feature":
        yield found, place
    elif kind == "FeatureCollection":
        for item in found.get("features", []):
            yield item, own_address(item, place)
    elif kind in ("Catalog", "Collection"):
        for link in found.get("links", []):
            if link.get("rel") in ("child", "item"):
                below = resolver(place)(link["href"])
                if below in (place, *above):
                    continue
                try:
                    inner = read_json(below, catalogue.retries, catalogue.timeout)
                except (OSError, ValueError) as error:
                    raise InputError(f"{below}: cannot be read ({error})") from error
                yield from every_item(inner, below, catalogue, (place, *above))
    else:
        raise InputError(
            f"--catalog {place}: type '{kind}' found; expected a STAC Catalog, Collection, Feature "
            "or FeatureCollection"
        )


def own_address(item, place):
    """Where an item of an item collection lies: where it says, else where the collection lies.

    Files that were saved beside a collection on disk count before the address on the web.
    """
    links = item.get("links", [])
    own = next((link["href"] for link in links if link.get("rel") == "self"), None)
    if not own:
        return place
    if is_url(own) and not is_url(place):
        hrefs = [asset["href"] for asset in (item.get("assets") or {}).values()]
        if any(Path(resolver(place)(href)).is_file() for href in hrefs):
            return place
    return resolver(place)(own)


def resolver(place):
    """A function that makes an address absolute that was given relative to `place`."""

    def resolve(address):
        if urlparse(address).scheme in ("http", "https", "s3"):
            return address
        if is_url(place):
            return urljoin(place, address)
        return str((Path(place).parent / address.removeprefix("file://")).resolve())

    return resolve


def fits(item, bbox, first, last):
    """Does an item touch bbox and the months first to last?"""
    try:
        month = time_of(item["properties"]).astype("datetime64[M]")
        own = box_of(item)
    except (KeyError, TypeError, ValueError, AttributeError):
        return False  # it is no scene
    in_time = first <= month <= last
    return bool(in_time and (own is None or boxes_touch(own, bbox)))


def box_of(item):
    """(west, south, east, north) of an item, without heights; None where it names no box.

    Raises TypeError or ValueError where it is no box.
    """
    if not item.get("bbox"):
        return None
    numbers = [float(number) for number in item["bbox"]]
    if len(numbers) == 6:
        numbers = numbers[:2] + numbers[3:5]
    west, south, east, north = numbers
    return west, south, east, north
