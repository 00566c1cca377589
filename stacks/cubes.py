"""Stacks kept as a Zarr (version 2 or 3) or NetCDF cube."""

import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import odc.geo.xr  # noqa: F401  (gives xarray objects their .odc)
import xarray as xr
import zarr
from affine import Affine
from odc.geo.geobox import GeoBox

from stacks.source import Source, chosen_bands, first_line, unreadable
from utils.errors import InputError

DIMENSIONS = {
    "time": ("time", "t", "month", "date"),
    "band": ("band", "bands", "variable"),
    "y": ("y", "lat", "latitude", "northing"),
    "x": ("x", "lon", "longitude", "easting"),
}


@dataclass(frozen=True)
class CubeReader:
    """Reads months out of a cube; variables: one of (time, band, y, x), or one a band of (time, y,
    x).

    names: what the cube calls (time, band, y, x); steps and bands: positions in the cube, in our
    order.
    """

    path: str
    engine: str
    variables: tuple
    names: tuple
    steps: tuple
    bands: tuple

    def read(self, steps, rows, columns):
        """Stored numbers of these months: (M, C, y, x)."""
        time, band, y, x = self.names
        where = [self.steps[step] for step in steps]
        run = range(where[0], where[0] + len(where))
        if where == list(run):
            where = slice(run.start, run.stop)
        pick = {time: where, y: rows, x: columns}
        cube = open_cube(self.path, self.engine)
        try:
            if len(self.variables) == 1:
                block = (
                    cube[self.variables[0]]
                    .variable.isel(pick)
                    .transpose(time, band, y, x)
                    .to_numpy()
                )
                return (
                    block
                    if list(self.bands) == list(range(block.shape[1]))
                    else block[:, list(self.bands)]
                )
            parts = [
                cube[name].variable.isel(pick).transpose(time, y, x).to_numpy()
                for name in self.variables
            ]
            return np.stack(parts, axis=1)
        except Exception as error:  # each codec has errors of its own
            raise unreadable(self.path, rows, columns, error) from error


@lru_cache(maxsize=4)
def open_cube(path, engine):
    """The cube as a lazy xarray Dataset, numbers as stored."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return xr.open_dataset(
                path, engine=engine, mask_and_scale=False, decode_coords="all", chunks=None
            )
    except Exception as error:  # each format has errors of its own
        raise InputError(
            f"{path}: cannot be read as a {engine} cube ({first_line(error)})"
        ) from error


def find_cube(path, engine, bands):
    """Source of a Zarr (version 2 or 3) or NetCDF cube.

    The cube holds one variable (time, band, y, x), or one variable (time, y, x) for each band.
    Raises InputError for any other cube.
    """
    cube = open_cube(str(path), engine)
    names = dimensions_of(path, cube)
    time, _, y, x = names
    variables, chosen = variables_of(path, cube, names, bands)
    if engine == "zarr":
        check_chunks(path, variables)
    months, steps = cube_months(path, cube, time)
    attributes = [cube[name].attrs for name in variables]
    of_each_band = attributes * (len(bands) if len(attributes) == 1 else 1)
    stored = cube[variables[0]]
    return Source(
        str(path),
        months,
        cube_geobox(path, cube, stored, y, x),
        stored.dtype,
        chunk_of(stored, y, x),
        of_all_months(of_each_band, "scale_factor", 1, len(months)),
        of_all_months(of_each_band, "add_offset", 0, len(months)),
        nodata_of(attributes),
        CubeReader(str(path), engine, variables, names, steps, tuple(chosen)),
    )


def dimensions_of(path, cube):
    """Names of the dimensions (time, band, y, x) in this cube; band is None where there is none."""
    names = []
    for known in DIMENSIONS.values():
        names.append(next((name for name in known if name in cube.dims), None))
    time, _, y, x = names
    if None in (time, y, x):
        raise InputError(
            f"{path}: dimensions {dict(cube.sizes)} found; expected (time, band, y, x)"
        )
    return tuple(names)


def variables_of(path, cube, names, bands):
    """Names of the variables that hold the reflectance, and the places of the bands.

    One variable (time, band, y, x): the places are those along its band dimension. One variable
    (time, y, x) for each band: the places are those among all such variables.
    """
    time, band, y, x = names
    whole, flat = [], []
    for name, variable in cube.data_vars.items():
        if set(variable.dims) == {time, band, y, x}:
            whole.append(name)
        elif set(variable.dims) == {time, y, x}:
            flat.append(name)
    if len(whole) == 1:
        named = band in cube.coords and cube[band].dtype.kind in "UOST"
        of_file = [None] * cube.sizes[band]
        if named:
            of_file = [str(name) for name in cube[band].values]
        return tuple(whole), chosen_bands(path, of_file, bands)
    if flat and not whole:
        chosen = chosen_bands(path, flat, bands)
        return tuple(flat[i] for i in chosen), chosen
    raise InputError(
        f"{path}: variables {whole or list(cube.data_vars)} found; expected one (time, band, y, x)"
    )


def of_all_months(attributes, key, default, months):
    """A number that each band's attributes hold, the same in all months: (months, bands)."""
    return np.array([[float(each.get(key, default)) for each in attributes]] * months)


def nodata_of(attributes):
    """Stored numbers that mean no data in any of the variables, sorted."""
    found = set()
    for each in attributes:
        for key in ("_FillValue", "missing_value", "nodata"):
            found.update(float(value) for value in np.atleast_1d(each.get(key, np.nan)))
    return tuple(sorted(value for value in found if not np.isnan(value)))


def chunk_of(stored, y, x):
    """Rows and columns of a storage chunk; one row where the file does not say."""
    chunks = stored.encoding.get("chunks") or stored.encoding.get("chunksizes")
    if not chunks:
        return 1, stored.sizes[x]
    by_name = dict(zip(stored.dims, chunks))
    return by_name[y], by_name[x]


def check_chunks(path, variables):
    """Raise InputError for a Zarr chunk that was cut short: the Blosc decoder would read on beyond
    its end.
    """
    for name in variables:
        array = zarr.open_array(str(path), path=name, mode="r")
        if array.shards is not None or not any(
            "blosc" in str(codec).lower() for codec in array.compressors
        ):
            continue  # other codecs notice
        for file in (Path(path) / name).rglob("*"):
            if file.name[0] == "." or file.name == "zarr.json" or not file.is_file():
                continue
            with open(file, "rb") as stream:
                length = int.from_bytes(stream.read(16)[12:16], "little")
            if length != file.stat().st_size:
                raise InputError(
                    f"{file}: found {file.stat().st_size} bytes, expected {length}; "
                    "the chunk is damaged"
                )


def cube_months(path, cube, time):
    """Months of a cube in order, (M,), and where each stands in it."""
    if time not in cube.coords or cube[time].dtype.kind != "M":
        raise InputError(f"{path}: '{time}' holds no dates; expected a time coordinate")
    months = cube[time].values.astype("datetime64[M]")
    unique, counts = np.unique(months, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"{path}: {counts.max()} steps in {unique[counts > 1][0]}; expected one a month"
        )
    return unique, tuple(int(i) for i in np.argsort(months))


def cube_geobox(path, cube, stored, y, x):
    """Grid of a cube: the GeoTransform it carries, else from the coordinates of its pixel
    centres.
    """
    crs = stored.odc.crs or cube.odc.crs
    if crs is None:
        attributes = cube.attrs | stored.attrs
        crs = next(
            (attributes[key] for key in ("crs", "proj:code", "proj:epsg") if key in attributes),
            None,
        )
        if crs is None:
            raise InputError(
                f"{path}: has no coordinate reference system; expected a spatial_ref coordinate"
            )
        crs = f"EPSG:{crs}" if str(crs).isdigit() else crs
    shape = (cube.sizes[y], cube.sizes[x])
    for variable in cube.variables.values():
        if "GeoTransform" in variable.attrs:
            numbers = str(variable.attrs["GeoTransform"]).split()
            return GeoBox(shape, Affine.from_gdal(*map(float, numbers)), crs)
    if y not in cube.coords or x not in cube.coords or min(shape) < 2:
        raise InputError(
            f"{path}: has no coordinates {y} and {x}; expected those of the pixel centres"
        )
    top, height = regular_axis(path, cube[y].values, y)
    left, width = regular_axis(path, cube[x].values, x)
    corner = left - width / 2, top - height / 2  # of the first pixel
    return GeoBox(shape, Affine(width, 0, corner[0], 0, height, corner[1]), crs)


def regular_axis(path, centres, name):
    """First centre and step of an axis; raises InputError unless its steps are equal."""
    centres = np.asarray(centres, float)
    step = (centres[-1] - centres[0]) / (len(centres) - 1)
    if not np.allclose(np.diff(centres), step, rtol=0.01, atol=0):
        raise InputError(
            f"{path}: the coordinate {name} is not evenly spaced; expected a regular grid"
        )
    return centres[0], step
