"""The page of a map, OUT/index.html: its tiles, reflectances and figures, written piece by piece.

pages/ says why data are scripts. The folder OUT/page holds:

page.css, the scripts, the shared files  as they are in this repository
data.js                                  months, classes, hectares, colours, the grid
tiles/LEVEL/ROW_COLUMN.js                labels of 512 x 512 pixels; each level is half as fine
colour/ROW_COLUMN/MONTH.jpg              true colour, 512 x 512 of the pixels that are kept
curves/ROW_COLUMN.js                     reflectance of 32 x 32 of the pixels that are kept
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import rasterio
from matplotlib import colormaps
from matplotlib.colors import to_hex
from PIL import Image
from rasterio.windows import Window as RasterWindow

from mapping.figures import largest_transitions
from mapping.mosaic import TILE
from mapping.products import NO_CHANGE_COLOUR, PERCENT, REASONS, count_entry
from mapping.summary import NO_LABEL
from mapping.thinned import thinned_shape
from mapping.windows import windows_of
from pages.packing import copy_files, differences, pack, write_script
from stacks.lonlat import ground_step, lonlat_grid
from utils.bands import NO_OBSERVATION
from utils.legend import SPARE_COLOURS
from utils.workers import Workers, cores, stream

FILES = Path(__file__).parent / "page"
SCRIPTS = ("page", "picture", "layers", "pixel", "places", "tiles")
BLOCK = 32  # side of a block of curves, in pixels that are kept
JPEG_QUALITY = 90
NOT_SEEN = 205  # grey of a pixel without an observation in true colour
LISTED = 12  # transitions, the largest
GAMMA = 0.8  # of true colour: lifts what is dark
NONE = 255  # code of a missing value in a curve
STEPS = 254  # codes of the values, from the lowest of a block to the highest


def keep_tile(page, tile, drawn):
    """Write a drawn tile at full resolution; `page` is the folder of the page."""
    rasters = drawn.rasters
    pieces = [differences(rasters["labels"]), rasters["confidence"]]
    pieces += [rasters["change_confidence"], rasters["reason"], drawn.changes.confidence]
    write_tile(page, 0, tile, pieces)


def write_tile(page, level, tile, pieces):
    """Write the script of a tile: uint8 pieces, one after the other."""
    name = f"tiles/{level}/{tile.top // TILE}_{tile.left // TILE}"
    packed = pack(np.concatenate([piece.ravel() for piece in pieces]))
    value = {"height": tile.height, "width": tile.width, "packed": packed}
    write_script(Path(page) / f"{name}.js", name, value)


def levels_of(shape):
    """Number of levels, each half as fine as the one before, until one tile holds the area."""
    level = 0
    while max(shape) > TILE * 2**level:
        level += 1
    return level + 1


def write_overviews(raw, page, shape):
    """Write the tiles of the coarser levels from the overviews of the rasters in `raw`."""
    with ThreadPoolExecutor(cores()) as pool:
        for level in range(1, levels_of(shape)):
            size = tuple(-(-side // 2**level) for side in shape)
            for _ in stream(
                Workers(pool, 2 * cores(), None),
                lambda tile, level=level: write_overview(raw, page, level, tile),
                windows_of(size, (TILE, TILE)),
            ):
                pass


def write_overview(raw, page, level, tile):
    """Write one tile of a coarser level."""
    place = RasterWindow.from_slices(*tile.slices)
    pieces = []
    for name in ("labels", "confidence", "change_confidence", "reason"):
        with rasterio.open(Path(raw) / f"{name}.tif", OVERVIEW_LEVEL=level - 1) as raster:
            pieces.append(raster.read(window=place))
    write_tile(page, level, tile, [differences(pieces[0]), *pieces[1:]])


# ---------------------------------------------------------------- reflectances


def write_reflectances(store, thinning, page):
    """Write true colour and curves; store: Shown of the area. Returns what data.js says of them."""
    said = {"curves": {"step": thinning.curves, "block": BLOCK}, "colour": None}
    with ThreadPoolExecutor(cores()) as pool:
        shape = thinned_shape(thinning, thinning.curves)
        blocks = windows_of(shape, (BLOCK, BLOCK))
        workers = Workers(pool, 2 * cores(), None)
        for _ in stream(workers, lambda block: write_curves(store, page, block), blocks):
            pass
        if thinning.red_green_blue:
            low, high = stretch(store.colour)
            seen = {}
            shape = thinned_shape(thinning, thinning.colour)
            tiles = windows_of(shape, (TILE, TILE))
            draw = stream(workers, lambda tile: write_colour(store, page, tile, low, high), tiles)
            for tile, months in draw:
                seen[f"{tile.top // TILE}_{tile.left // TILE}"] = months
            said["colour"] = {"step": thinning.colour, "seen": dict(sorted(seen.items()))}
    return said


def stretch(colour):
    """Reflectances that become black and white, from a sample of the pixels."""
    pixels_for_each = colour[0, 0].size / 2**14
    step = max(1, int(pixels_for_each**0.5))
    sample = np.asarray(colour[:, :, ::step, ::step])
    seen = sample[sample > NO_OBSERVATION]
    if not len(seen):
        return 0, 3000
    low, high = np.percentile(seen, (0.5, 98.5))
    return float(low), float(max(high, low + 100))


def write_colour(store, page, tile, low, high):
    """Write the months of a tile as JPEG; returns '1' or '0' for each month: is there a picture?"""
    rows, columns = tile.slices
    grey = grey_of(low, high)
    folder = Path(page) / "colour" / f"{tile.top // TILE}_{tile.left // TILE}"
    folder.mkdir(parents=True, exist_ok=True)
    there = ""
    for month in range(len(store.colour)):
        values = np.asarray(store.colour[month, :, rows, columns])  # (3, y, x)
        seen = values.min(axis=0) > NO_OBSERVATION
        there += "1" if seen.any() else "0"
        if seen.any():
            bright = grey[values.view(np.uint16)]
            picture = np.where(seen, bright, NOT_SEEN).astype(np.uint8)
            image = Image.fromarray(picture.transpose(1, 2, 0))
            image.save(folder / f"{month}.jpg", quality=JPEG_QUALITY, subsampling=0)
    return there


def grey_of(low, high):
    """Brightness (65536,) uint8 of each reflectance, int16 seen as uint16: quicker than to compute
    each pixel.
    """
    reflectance = np.arange(2**16, dtype=np.uint16).view(np.int16)
    share = (reflectance - low) / (high - low)
    bright = share.clip(0, 1) ** GAMMA
    return np.rint(bright * 255).astype(np.uint8)


def write_curves(store, page, block):
    """Write the reflectances of a block: pixel by pixel, band by band, a code for each month."""
    rows, columns = block.slices
    values = np.asarray(store.curves[:, :, rows, columns]).astype(np.float32)  # (T, C, y, x)
    values[values == NO_OBSERVATION] = np.nan
    low, high = band_range(values)
    scale = np.maximum(high - low, 1)[:, None, None]
    above = values - low[:, None, None]
    codes = np.rint(above / scale * STEPS)
    codes = np.where(np.isnan(values), NONE, codes).astype(np.uint8)
    name = f"curves/{block.top // BLOCK}_{block.left // BLOCK}"
    top = low + scale[:, 0, 0]
    value = {"low": low.tolist(), "high": top.tolist(), "width": block.width}
    value["packed"] = pack(codes.transpose(2, 3, 1, 0), level=1)
    write_script(Path(page) / f"{name}.js", name, value)


def band_range(values):
    """Lowest and highest value (C,) of each band of (T, C, y, x), 0 and 1 where there is none."""
    by_band = values.transpose(1, 0, 2, 3).reshape(values.shape[1], -1)
    seen = ~np.isnan(by_band)
    low = np.where(seen, by_band, np.inf).min(axis=1)
    high = np.where(seen, by_band, -np.inf).max(axis=1)
    empty = ~seen.any(axis=1)
    return np.where(empty, 0, low), np.where(empty, 1, high)


# ---------------------------------------------------------------- data.js and the files


def write_front(folder, said):
    """Write index.html and the files of the page into `folder`; said: what data.js holds."""
    page = Path(folder) / "page"
    scripts = [FILES / f"{name}.js" for name in SCRIPTS]
    copy_files(page, [FILES / "page.css", *scripts])
    (Path(folder) / "index.html").write_bytes((FILES / "page.html").read_bytes())
    write_script(page / "data.js", "data", said)


def data_of_stack(stack, title, reflectances):
    """What data.js says of a stack: its grid, months, bands and which reflectances there are."""
    height, width = stack.geobox.shape
    right, down = ground_step(stack.geobox.transform, stack.geobox.crs.to_wkt(), (height, width))
    return {
        "title": title,
        "height": height,
        "width": width,
        "months": [str(month) for month in stack.months],
        "bands": list(stack.bands),
        "lonlat": lonlat_grid(stack.geobox),
        "crs": str(stack.geobox.crs),
        "aspect": down / right,
        "metres": right,
        **reflectances,
    }


def data_of_map(products, rows, months):
    """What data.js says of a map: classes, hectares, transitions, colours of each layer."""
    labels = products["labels"]
    names = [labels.names[k] for k in sorted(labels.names)]
    cividis = colormaps["cividis"].resampled(len(months))
    return {
        "classes": names,
        "colours": [labels.colours[k] for k in sorted(labels.colours)],
        "secondColours": [SPARE_COLOURS[k % len(SPARE_COLOURS)] for k in range(len(names))],
        "hectares": hectares_by_class(rows, [*names, NO_LABEL], months),
        "transitions": transitions_of(rows, products),
        "kinds": {str(code): colour for code, colour in products["from_to"].colours.items()},
        "dates": list(products["last_change"].colours.values())[1:],
        "secondDates": [to_hex(colour) for colour in cividis.colors],
        "percent": list(PERCENT.values()),
        "counts": [NO_CHANGE_COLOUR, *(count_entry(times)[1] for times in range(1, 7))],
        "unchanged": NO_CHANGE_COLOUR,
        "reasons": list(REASONS),
    }


def hectares_by_class(rows, names, months):
    """Hectares of each class, the last one 'no label', in each month: a list of K + 1 lists."""
    place = {str(month): t for t, month in enumerate(months)}
    found = {name: [0.0] * len(months) for name in names}
    for row in rows:
        if row.kind == "class":
            found[row.class_name][place[row.month]] = float(row.hectares)
    return [found[name] for name in names]


def transitions_of(rows, products):
    """The largest transitions: code of from_to.tif, hectares, and month -> hectares."""
    kinds = largest_transitions(rows, products, LISTED)
    return [
        {"code": kind.codes[0], "hectares": sum(kind.dates.values()), "months": kind.dates}
        for kind in kinds
        if len(kind.codes) == 1 and kind.text != "other transitions"
    ]
