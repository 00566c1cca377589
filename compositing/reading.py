"""A band of a scene on the grid of the stack, read again where the way there falters."""

import time
from dataclasses import dataclass

import rasterio
from rasterio.errors import RasterioError

from compositing.catalogues import Catalogue
from compositing.remote import HEADERS_KEPT, Broken, RemoteFile
from compositing.resampling import on_grid, sampled

GDAL_SETTINGS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # never look for files beside those that are named
    "GDAL_NUM_THREADS": "1",
    "GDAL_CACHEMAX": 64 * 2**20,  # bytes; by default it grows with the machine's memory
}
HOPELESS = ("No such file", "404", "not recognized as being in a supported")


class Unreadable(Exception):
    """A scene's file that stayed unreadable; the message says which and why."""


@dataclass(frozen=True)
class Reader:
    """How files are read. pauses: seconds before each further try; timeout: seconds of a request
    without an answer.
    """

    catalogue: Catalogue
    resampling: str = "bilinear"
    pauses: tuple = (1, 2, 4, 8, 16)
    timeout: float = 30

    def read(self, scene, band, geobox):
        """Numbers of a band as stored, on a grid: (y, x) uint16, 0 = no data. Raises Unreadable."""
        method = "nearest" if band == "SCL" else self.resampling
        return self.patiently(scene, band, lambda source: on_grid(source, geobox, method))

    def glance(self, scene, band, geobox):
        """As `read`, at the pixel centres of a coarse grid, from the file's overviews."""
        return self.patiently(scene, band, lambda source: sampled(source, geobox))

    def patiently(self, scene, band, use):
        """use(opened file) of a scene's band, tried again after growing pauses."""
        address = scene.assets[band]
        for pause in (*self.pauses, None):
            try:
                with rasterio.Env(**self.settings()):
                    return self.used(address, use)
            except Broken as error:  # it was tried again and again
                problem = str(error)
                break
            except (RasterioError, OSError, ValueError) as error:
                problem = " ".join(str(error.__cause__ or error).split())
                if pause is None or any(word in problem for word in HOPELESS):
                    break
                HEADERS_KEPT.forget(address)
                time.sleep(pause)
        raise Unreadable(f"{band} cannot be read: {without_token(problem)}")

    def used(self, address, use):
        """use(opened file). What was read from the web counts only if all of it came."""
        if not address.startswith("http"):
            # GDAL's own reader of S3: rasterio's would need boto3.
            with rasterio.open(address.replace("s3://", "/vsis3/", 1)) as source:
                return use(source)
        file = RemoteFile(address, self.catalogue, self.pauses, self.timeout)
        try:
            with rasterio.open("scene.tif", opener=lone_opener(file)) as source:
                return use(source)
        finally:
            if file.problem:
                raise Broken(file.problem)

    def settings(self):
        """Settings of GDAL for this thread; those of HTTP for files that GDAL asks for itself."""
        http = {
            "GDAL_HTTP_TIMEOUT": str(self.timeout),
            "GDAL_HTTP_MAX_RETRY": str(len(self.pauses)),
            "GDAL_HTTP_RETRY_DELAY": str(next(iter(self.pauses), 1)),
        }
        return GDAL_SETTINGS | http | self.catalogue.options()


def lone_opener(file):
    """An opener for GDAL that knows one file, and none beside it."""

    def opener(path, mode="r", **_):
        if not str(path).endswith("scene.tif"):
            raise FileNotFoundError(path)
        file.seek(0)
        return file

    return opener


def without_token(text):
    """A message without the signatures in its addresses: they are secrets."""
    return " ".join(word.split("?")[0] for word in text.split())[:200]
