"""What the tests of map.py share: a stack, maps of it, and a way to draw one."""

from types import SimpleNamespace

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely

import map as map_script
import models
from tests.stack_files import CRS, GRID, read_map, save_network, values, write_folder, write_zarr

STACK = values()


def make_maps(folder):
    """A network, stacks in several chunkings, and a map of them by the plainest settings."""
    save_network(folder / "net.safetensors")
    for chunk in (5, 8, 64):
        write_zarr(folder / f"{chunk}.zarr", STACK, chunk=chunk)
    write_folder(folder / "monthly", STACK)
    for width in (1, 3, 5):
        draw(
            folder / "8.zarr",
            folder / "net.safetensors",
            folder / f"filter{width}",
            "--filter",
            width,
        )
    return folder


def mapped(stack, weights, out, *flags):
    """Run map.py in this process; returns the folder of the map."""
    words = (stack, "--weights", weights, "--out", out, *flags)
    map_script.main([str(word) for word in words])
    return out


def draw(stack, weights, out, *flags):
    """Run map.py in this process; returns what the map holds."""
    return read_map(mapped(stack, weights, out, *flags))


def same(one, other):
    """Whether two maps hold the same bytes of pixels and the same summary."""
    return (
        one[0].keys() == other[0].keys()
        and one[1] == other[1]
        and all(np.array_equal(one[0][name], other[0][name]) for name in one[0])
    )


def by_level(net, x, **options):
    """Labels that a reader can foretell: the class is the first band's whole hundreds, its
    probability 0.5; that of the next class is 0.3.
    """
    labels = (np.maximum(x[:, 0], 0) // 100).astype(np.int8)
    classes = np.arange(6)[:, None]
    probability = np.where(labels[:, None] == classes, 0.5, 0.05).astype(np.float32)
    probability[(labels[:, None] + 1) % 6 == classes] = 0.3
    return labels, np.full(labels.shape, 0.5, np.float32), probability


def drawn_by_level(tmp_path, monkeypatch, classes, *flags, transform=GRID, crs=CRS, **hidden):
    """Map of a stack whose pixels have the given classes (T, y, x); hidden: unseen=(T, y, x)
    bool.
    """
    stack = np.repeat(np.asarray(classes)[:, None] * 100 + 50, 10, axis=1).astype(np.int16)
    if hidden:
        stack[np.repeat(hidden["unseen"][:, None], 10, axis=1)] = -32768
    monkeypatch.setattr(models, "label", by_level)
    write_folder(tmp_path / "monthly", stack, transform=transform, crs=crs)
    return draw(
        tmp_path / "monthly", save_network(tmp_path / "net.safetensors"), tmp_path / "out", *flags
    )


def make_large(folder):
    """A map of several tiles whose classes change in blocks of 20 x 20 pixels."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 6, (12, 26, 27))
    for month in range(1, 12):
        stays = rng.random((26, 27)) < 0.8
        blocks[month][stays] = blocks[month - 1][stays]
    classes = blocks.repeat(20, axis=1).repeat(20, axis=2)  # 520 x 540 pixels
    with pytest.MonkeyPatch.context() as patch:
        drawn_by_level(folder, patch, classes, "--curves", 5000)
    return folder / "out"


def read_polygons(out):
    """Fields and polygons of the change events of a map."""
    meta, _, found, fields = pyogrio.raw.read(out / "changes.gpkg", layer="changes")
    fields = dict(zip(meta["fields"], fields))
    order = np.argsort(fields["event"])  # they stand in the file tile by tile
    fields = {name: values[order] for name, values in fields.items()}
    return fields, shapely.from_wkb(found)[order], meta


def raster_of(out, name="labels"):
    """Pixels of a raster of a map, and what the file says of them."""
    with rasterio.open(out / f"{name}.tif") as raster:
        said = SimpleNamespace(
            descriptions=raster.descriptions,
            transform=raster.transform,
            crs=raster.crs,
            count=raster.count,
            tags=raster.tags(),
        )
        return raster.read(), said
