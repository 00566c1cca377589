"""A small map and its stack, made up, for the tests of assess.py."""

import csv
import json

import numpy as np
import rasterio
import stack_files

from mapping.products import create, from_to, products_for, yyyymm
from utils.bands import BANDS
from utils.legend import URBAN

FIRST = np.datetime64("2019-02", "M")
MONTHS = 14


def made_up_labels(height=40, width=50, seed=0):
    """Labels (T, y, x) int8: woodland, cropland, a clearing, some building, a blank corner."""
    labels = np.full((MONTHS, height, width), 1, np.int8)
    labels[:, :, width // 2 :] = 5
    labels[6:, 5:15, 5:15] = 3
    labels[9:, 20:26, 30:40] = 4
    labels[4:, 30:32, 4:6] = 2
    labels[:, -4:, -6:] = -1
    return labels


def write_map(
    folder, labels, *, crs="EPSG:32649", transform=stack_files.GRID, stack=None, legend=URBAN
):
    """The rasters and files of a map that assess.py reads; labels in the order of `legend`."""
    from odc.geo.geobox import GeoBox

    folder.mkdir(parents=True, exist_ok=True)
    months = FIRST + np.arange(len(labels))
    geobox = GeoBox(labels.shape[1:], transform, crs)
    products = products_for(legend, months)
    changed = labels[1:] != labels[:-1]
    count = changed.sum(axis=0)
    at = len(labels) - 1 - changed[::-1].argmax(axis=0)  # first month of the last new class
    pick = np.take_along_axis
    before, after = (pick(labels, (at - back)[None], 0)[0].astype(int) for back in (1, 0))
    never, none = count == 0, labels[0] < 0
    layers = {
        "labels": labels.view(np.uint8),
        "change_count": np.where(none, 255, count)[None],
        "last_change": np.where(none, -1, np.where(never, 0, yyyymm(months)[at]))[None],
        "from_to": np.where(none, 65535, np.where(never, 0, from_to(before, after)))[None],
    }
    for name, pixels in layers.items():
        with create(folder / f"{name}.tif", products[name], geobox) as raster:
            raster.write(pixels.astype(products[name].dtype))
    settings = {"stack": str(stack)} if stack else {}
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


def write_summary(folder, labels, legend=URBAN):
    """summary.csv of a map whose pixels are 0.01 ha."""
    rows = ["kind,month,class,from_class,to_class,pixels,hectares"]
    for step, layer in enumerate(labels):
        for label, name in enumerate(legend.names):
            count = (layer == label).sum()
            rows.append(f"class,{FIRST + step},{name},,,{count},{count / 100}")
    for step in range(1, len(labels)):
        pairs = np.column_stack([labels[step - 1].ravel(), labels[step].ravel()])
        kinds, counts = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0, return_counts=True)
        for (start, end), count in zip(kinds, counts):
            names = f"{legend.names[start]},{legend.names[end]}"
            rows.append(f"transition,{FIRST + step},,{names},{count},{count / 100}")
    (folder / "summary.csv").write_text("\n".join(rows) + "\n")


def write_stack(path, labels, bands=range(10), seed=0):
    """A stack whose reflectance follows the labels."""
    rng = np.random.default_rng(seed)
    levels = rng.uniform(300, 4000, (7, 10))
    values = levels[labels].transpose(0, 3, 1, 2) + rng.normal(0, 60, (len(labels), 10, 1, 1))
    values = values.astype(np.int16)
    values[3, :, :10] = -32768
    names = [BANDS[band] for band in bands]
    return stack_files.write_folder(path, values[:, list(bands)], first=FIRST, names=names)


def truth_csv(path, design, labels, *, only=None, interpreter="ann"):
    """The labels of a design's points as a reference file."""
    rows = ["id,interpreter,first_month,last_month,class,confidence,lon,lat"]
    for place, number in enumerate(design.points["id"][:only]):
        series = labels[:, design.points["row"][place], design.points["column"][place]]
        starts = [0, *(np.flatnonzero(series[1:] != series[:-1]) + 1), len(series)]
        for start, stop in zip(starts, starts[1:]):
            first, last = FIRST + start, FIRST + int(stop) - 1
            name = URBAN.names[series[start]]
            rows.append(f"{number},{interpreter},{first},{last},{name},sure,,")
    path.write_text("\n".join(rows) + "\n")
    return path


def write_strata(path, strata, *, transform=stack_files.GRID, crs="EPSG:32649"):
    """A raster of whole numbers."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=strata.shape[0],
        width=strata.shape[1],
        count=1,
        dtype=strata.dtype,
        crs=crs,
        transform=transform,
        nodata=255,
    ) as raster:
        raster.write(strata, 1)
    return path


def read_rows(path):
    """Rows of a table as dicts."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))
