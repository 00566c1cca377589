"""The stack on disk: a Zarr in which each month has chunks of its own, so that months can be added.

    reflectance (time, band, y, x) int16   x 10^4, -32768 = no observation
    looks       (time, y, x)       uint8   clear looks in the month
    time        (time)             int64   days since 1970-01-01, the first of each month

It is a Zarr of version 2: GDAL up to 3.10, and so QGIS, cannot read the chunks of version 3.
No file holds a date of writing or a path: the same scenes and flags give the same bytes.
"""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import zarr
from affine import Affine
from numcodecs import Blosc
from odc.geo.geobox import GeoBox

from utils.bands import BANDS, NO_OBSERVATION
from utils.errors import InputError
from utils.files import written_whole

CHUNK = 256  # pixels: map.py labels 256 x 256 pixels at a time
SETTINGS = "composite"  # attribute of the stack that tells how it was made
BYTES = 2 * len(BANDS) + 1  # of a pixel and month, before they are compressed
MONTHLY = ("reflectance", "looks", "time")  # variables that grow when months are added


@contextmanager
def writing(path):
    """Raise InputError in one line for what goes wrong while `path` is written."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"{path}: cannot be written ({reason}); what was finished is kept, --resume goes on"
        ) from error


def create(path, geobox, months, settings):
    """Write a stack without any observation. settings: what decides its pixels, kept in it."""
    root = zarr.create_group(str(path), overwrite=True, zarr_format=2)
    root.attrs.update(
        {"Conventions": "CF-1.10", "title": "Monthly Sentinel-2 composites", SETTINGS: settings}
    )
    number, (height, width) = len(months), geobox.shape
    sides = min(CHUNK, height), min(CHUNK, width)
    grid = {"grid_mapping": "spatial_ref", "_CRS": {"wkt": geobox.crs.to_wkt()}}
    packed = {"compressors": Blosc("zstd", clevel=3, shuffle=Blosc.BITSHUFFLE)}
    add(
        root,
        "reflectance",
        ("time", "band", "y", "x"),
        {"long_name": "surface reflectance x 10000"} | grid,
        shape=(number, len(BANDS), height, width),
        chunks=(1, len(BANDS), *sides),
        dtype="int16",
        fill_value=NO_OBSERVATION,
        **packed,
    )
    add(
        root,
        "looks",
        ("time", "y", "x"),
        {"long_name": "clear looks in the month"} | grid,
        shape=(number, height, width),
        chunks=(1, *sides),
        dtype="uint8",
        **packed,
    )
    days = {"standard_name": "time", "units": "days since 1970-01-01", "calendar": "standard"}
    add_filled(root, "time", ("time",), days, days_of(months), chunks=(1,))
    add_filled(root, "band", ("band",), {}, np.array(BANDS))
    for axis, centres in centres_of(geobox).items():
        add_filled(root, axis, (axis,), axis_attributes(geobox.crs, axis), centres)
    add_filled(root, "spatial_ref", (), reference_attributes(geobox), np.array(0))
    zarr.consolidate_metadata(str(path), zarr_format=2)


def add(root, name, dimensions, attributes, **array):
    """Add a variable. Without a fill value no number of the variable stands for no data."""
    array = {"fill_value": None, "compressors": None} | array
    return root.create_array(
        name,
        attributes={"_ARRAY_DIMENSIONS": list(dimensions)} | attributes,
        chunk_key_encoding={"name": "v2", "separator": "/"},
        **array,
    )


def add_filled(root, name, dimensions, attributes, values, chunks=None):
    """Add a variable with its values, in one chunk if not said otherwise."""
    chunks = {"chunks": chunks or values.shape} if values.ndim else {}
    shape = {"shape": values.shape, "dtype": values.dtype}
    add(root, name, dimensions, attributes, **shape, **chunks)[...] = values


def days_of(months):
    """First day of each month as days since 1970-01-01."""
    return np.asarray(months, "datetime64[M]").astype("datetime64[D]").astype(np.int64)


def centres_of(geobox):
    """Coordinates of the pixel centres of each axis."""
    transform, (height, width) = geobox.transform, geobox.shape
    return {
        "y": transform.f + (np.arange(height) + 0.5) * transform.e,
        "x": transform.c + (np.arange(width) + 0.5) * transform.a,
    }


def axis_attributes(crs, axis):
    """What CF says of an axis."""
    if crs.geographic:
        name, unit = {"y": ("latitude", "north"), "x": ("longitude", "east")}[axis]
        return {"standard_name": name, "units": f"degrees_{unit}"}
    return {"standard_name": f"projection_{axis}_coordinate", "units": "metre"}


def reference_attributes(geobox):
    """The grid as CF (crs_wkt) and GDAL (spatial_ref, GeoTransform) read it."""
    wkt = geobox.crs.to_wkt()
    numbers = " ".join(repr(float(v)) for v in geobox.transform.to_gdal())
    return {"crs_wkt": wkt, "spatial_ref": wkt, "GeoTransform": numbers}


def open_to_write(path):
    """The variables that hold pixels. Chunks of zeros are written too: no file, no answer yet."""
    root = zarr.open_group(path, mode="r+", use_consolidated=False)
    looks = root["looks"].with_config({"write_empty_chunks": True})
    return {"reflectance": root["reflectance"], "looks": looks}


def remove_partial(path):
    """Remove what a killed run was writing: Zarr gives a chunk its name when it is whole."""
    for file in Path(path).rglob("*.partial"):
        file.unlink()


def existing(path):
    """(grid, months, settings) of a stack that composite.py made; raises InputError."""
    try:
        root = zarr.open_group(str(path), mode="r")
        settings = root.attrs[SETTINGS]
        reference = root["spatial_ref"].attrs
        days = root["time"][:]
        shape = root["reflectance"].shape
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path}: is not a stack of composite.py; expected one ({type(error).__name__})"
        ) from error
    transform = Affine.from_gdal(*map(float, reference["GeoTransform"].split()))
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    return GeoBox(shape[2:], transform, reference["crs_wkt"]), months, settings


def append(path, new, first):
    """Move the months that `new` holds from position `first` on into the stack at `path`.

    Files of the months before are not touched. The chunks come first, the metadata of the variables
    next, those of the whole stack last: until then readers see the stack as it was.
    """
    path, new = Path(path), Path(new)
    for variable in MONTHLY:
        months = [entry for entry in (new / variable).iterdir() if entry.name.isdigit()]
        for month in months:
            if int(month.name) >= first:
                move(month, path / variable / month.name)
    for name in [*(f"{variable}/.zarray" for variable in MONTHLY), ".zmetadata"]:
        with written_whole(path / name) as file:
            shutil.copyfile(new / name, file)


def move(source, target):
    """Move a file or folder to a place where something unfinished may lie."""
    if target.is_dir():
        shutil.rmtree(target)
    os.replace(source, target)
