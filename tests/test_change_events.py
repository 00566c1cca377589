"""Change events of restless land: found whatever the tiles, and as a plain search finds them."""

from collections import Counter

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from mapping.events import Store, find_events
from mapping.pixels import changes_of
from mapping.polygons import write_polygons
from mapping.products import products_for
from mapping.windows import windows_of
from tests.map_files import read_polygons
from tests.stack_files import CRS, FIRST, GRID
from utils.legend import URBAN

ROW_AREA = np.arange(1, 41) * 10**8  # square millimetres of a pixel in each row


@st.composite
def restless_labels(draw_):
    """Labels of few classes that change often: chains, pixels that change twice, holes."""
    seed, classes = draw_(st.integers(0, 2**32 - 1)), draw_(st.integers(2, 3))
    height, width, months = (draw_(st.integers(*ends)) for ends in ((1, 14), (1, 14), (2, 7)))
    rng = np.random.default_rng(seed)
    stays = rng.random((months, height, width)) < draw_(st.sampled_from([0.5, 0.8, 0.95]))
    labels = rng.integers(0, classes, (months, height, width)).astype(np.int8)
    labels[:, rng.random((height, width)) < 0.1] = -1
    for month in range(1, months):
        labels[month][stays[month]] = labels[month - 1][stays[month]]
    return labels


def stored(folder, labels, monthly, side):
    """The changes of labels (T, y, x), kept in tiles of this side."""
    tiles = tuple(windows_of(labels.shape[1:], (side, side)))
    store = Store(folder, tiles, labels.shape[2])
    for tile in tiles:
        inside = (slice(None), *tile.slices)
        store.save(tile, **changes_of(labels[inside], monthly[inside])._asdict())
    return store


def written(folder, labels, monthly, side, smallest=0):
    """Events of labels, and the fields and polygons of changes.gpkg."""
    store = stored(folder, labels, monthly, side)
    events = find_events(store, ROW_AREA, smallest)
    grid = GeoBox(labels.shape[1:], GRID, CRS)
    months = FIRST + np.arange(len(labels))
    products = products_for(URBAN, months)
    write_polygons(folder / "changes.gpkg", store, events, grid, months, products)
    return events, *read_polygons(folder)[:2]


def plain_changes(labels, monthly):
    """(row, column, month) -> (transition, confidence) of every change."""
    width = labels.shape[2]
    found = changes_of(labels, monthly)
    return {
        (pixel // width, pixel % width, month): ((old, new), sure)
        for pixel, month, old, new, sure in zip(*(values.tolist() for values in found))
    }


def plain_group(changes, start, apart):
    """The changes that hang together with one of them, by steps from neighbour to neighbour."""
    group, left = {start}, [start]
    while left:
        row, column, month = left.pop()
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            for later in range(-apart, apart + 1):
                there = (row + down, column + right, month + later)
                if (
                    there in changes
                    and there not in group
                    and changes[there][0] == changes[start][0]
                ):
                    group.add(there)
                    left.append(there)
    return group


def plain_events(changes):
    """The events of an area: a list of sets of changes, in their order."""
    found, done = [], set()
    for start in changes:
        if start in done:
            continue
        group = plain_group(changes, start, apart=1)
        pixels = {place[:2] for place in group}
        if len(pixels) < len(group):  # a pixel would count twice
            group = plain_group(changes, start, apart=0)
        done |= group
        found.append(group)
    return sorted(found, key=lambda group: (min(p[2] for p in group), min(p[:2] for p in group)))


def plain_next(events):
    """Number of the event that follows each on most of its pixels, from 1; 0 = none."""
    event_of = {place: number for number, group in enumerate(events, 1) for place in group}
    by_pixel = {}
    for row, column, month in sorted(event_of):
        by_pixel.setdefault((row, column), []).append(event_of[row, column, month])
    found = []
    for number in range(1, len(events) + 1):
        after = Counter()
        for order in by_pixel.values():
            after.update(new for old, new in zip(order, order[1:]) if old == number)
        found.append(min(after, key=lambda event: (-after[event], event)) if after else 0)
    return found


@settings(max_examples=15)
@given(labels=restless_labels(), side=st.integers(2, 9))
def test_events_do_not_depend_on_tiles_and_hold_each_change_once(tmp_path_factory, labels, side):
    monthly = np.full(labels.shape, 80, np.uint8)
    one, _, polygons = written(tmp_path_factory.mktemp("cut"), labels, monthly, side)
    other, _, whole = written(tmp_path_factory.mktemp("whole"), labels, monthly, 64)
    for mine, theirs in zip(one, other):
        assert np.array_equal(mine, theirs)
    assert shapely.is_valid(polygons).all()
    assert shapely.equals(polygons, whole).all()
    changes = changes_of(labels, monthly)
    assert one.pixels.sum() == len(changes.pixel)
    assert shapely.area(polygons) == pytest.approx(one.pixels * 100.0)
    assert (one.last - one.first >= 0).all() and (one.median <= one.last).all()


@settings(max_examples=25)
@given(labels=restless_labels(), seed=st.integers(0, 2**32 - 1))
def test_events_are_those_of_a_plain_search(tmp_path_factory, labels, seed):
    monthly = np.random.default_rng(seed).integers(40, 100, labels.shape).astype(np.uint8)
    _, fields, polygons = written(tmp_path_factory.mktemp("events"), labels, monthly, 5)
    changes = plain_changes(labels, monthly)
    events = plain_events(changes)
    months = [sorted(place[2] for place in group) for group in events]
    assert fields["pixels"].tolist() == [len(group) for group in events]
    for name, position in (("first", 0), ("last", -1)):
        assert fields[f"{name}_month"].tolist() == [str(FIRST + each[position]) for each in months]
    median = [str(FIRST + each[(len(each) - 1) // 2]) for each in months]
    assert fields["median_month"].tolist() == median
    assert fields["next_event"].tolist() == plain_next(events)
    for number, group in enumerate(events):
        sure = np.mean([changes[place][1] for place in group])
        area = sum(ROW_AREA[row] for row, _, _ in group)
        corners = np.array([GRID @ (column, row) for row, column, _ in group])
        squares = shapely.box(*corners.T, *(corners + (10, -10)).T)
        assert fields["confidence"][number] == pytest.approx(sure, abs=0.051)
        assert fields["hectares"][number] == pytest.approx(area / 10**10)
        assert shapely.equals(polygons[number], shapely.union_all(squares))


def test_a_map_whose_events_are_all_too_small_has_an_empty_layer(tmp_path):
    labels = np.zeros((3, 4, 4), np.int8)
    labels[1:, 2, 2] = 3
    events, fields, polygons = written(tmp_path, labels, labels.view(np.uint8), 2, smallest=10**12)
    assert len(events.pixels) == len(polygons) == 0 and "date" in fields


def test_an_error_while_polygons_are_made_is_told_as_itself(tmp_path):
    labels = np.zeros((3, 4, 4), np.int8)
    store = stored(tmp_path, labels, labels.view(np.uint8), 4)
    events = find_events(store, ROW_AREA)
    (tmp_path / f"{store.tiles[0].name}.event.npy").unlink()
    months = FIRST + np.arange(3)
    grid, products = GeoBox((4, 4), GRID, CRS), products_for(URBAN, months)
    with pytest.raises(FileNotFoundError, match=r"event\.npy"):
        write_polygons(tmp_path / "changes.gpkg", store, events, grid, months, products)
