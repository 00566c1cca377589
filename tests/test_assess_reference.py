"""assess.py reference: samples, rasters and polygons that stand for an interpreter."""

import json

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from assess_files import MONTHS, made_up_labels, write_map, write_stack
from pyproj import Transformer

import assess
from assessing.design import design
from assessing.fill import fill_reference
from assessing.record import load_design
from utils.errors import InputError
from utils.reference import CANNOT_TELL, read_reference


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    """A map with its labels, and a design of 60 points."""
    folder = tmp_path_factory.mktemp("area")
    labels = made_up_labels()
    made = write_map(folder / "map", labels)
    out, _ = design(made, folder / "assess", points=60, minimum=5, page=False)
    return made, labels, out


def filled(folder, source, *arguments):
    """The reference that a source gives: labels (n, T), and which points could be told (n,)."""
    fill_reference(folder, source, *arguments, overwrite=True)
    found = load_design(folder)
    read = read_reference(folder / "reference.csv", found.months, list(found.classes))
    return read.labels, read.confidence != CANNOT_TELL


def truth_at_points(folder, labels):
    found = load_design(folder)
    return labels[:, found.column("row"), found.column("column")].T


def write_polygons(path, shapes, crs="EPSG:32649", **columns):
    """A layer of polygons; columns: name -> values."""
    fields = [np.array(values, object) for values in columns.values()]
    geometry = shapely.to_wkb(shapes)
    where = {"crs": crs, "geometry_type": shapes[0].geom_type}
    pyogrio.raw.write(path, geometry, fields, list(columns), **where)
    return path


def half(folder, side):
    """The left (0) or right (1) half of the made-up area, as a polygon."""
    grid = load_design(folder).geobox
    height, width = grid.shape
    ends = [(25 * side, 0), (width if side else 25, height)]
    (left, top), (right, bottom) = (grid.transform @ end for end in ends)
    return shapely.box(left, bottom, right, top)


def test_the_rasters_of_a_map_give_its_own_labels_back(area):
    made, labels, out = area
    found, told = filled(out, made / "labels.tif")
    assert told.all() and (found == truth_at_points(out, labels)).all()


def test_a_raster_in_another_crs_without_dates_holds_for_all_months(area, tmp_path):
    _, labels, out = area
    path = tmp_path / "codes.tif"
    with rasterio.open(area[0] / "labels.tif") as raster:
        shape = {"height": raster.height, "width": raster.width, "dtype": "uint16", "count": 1}
        where = {"crs": raster.crs, "transform": raster.transform, "nodata": 999}
    codes = np.where(labels[-1] == 1, 40, 50).astype(np.uint16)
    codes[:, 40:] = 999
    with rasterio.open(tmp_path / "here.tif", "w", **shape, **where) as raster:
        raster.write(codes, 1)
    warped = rasterio.vrt.WarpedVRT(rasterio.open(tmp_path / "here.tif"), crs="EPSG:4326")
    profile = {**warped.profile, "driver": "GTiff"}
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(warped.read())
    found, told = filled(out, path, "class", {"40": "woodland", "50": "cropland"})
    columns = load_design(out).column("column")
    assert told[columns < 39].all() and not told[columns > 40].any()
    rows = told & (columns < 39)
    wanted = np.where(truth_at_points(out, labels)[:, -1] == 1, 1, 5)
    agree = found[rows] == wanted[rows, None]
    assert agree.all(axis=1).mean() > 0.95  # the edge of a warped pixel may lie beside a point


def test_points_beside_a_raster_cannot_be_told(area, tmp_path):
    made, _, out = area
    with rasterio.open(made / "labels.tif") as raster:
        window = rasterio.windows.Window(0, 0, 25, raster.height)
        codes, profile, tags = raster.read(window=window), raster.profile, raster.tags()
        months = raster.descriptions
    profile.update(driver="GTiff", width=25, nodata=None, tiled=False)
    with rasterio.open(tmp_path / "left.tif", "w", **profile) as raster:
        raster.write(codes)
        raster.update_tags(**tags)
        raster.descriptions = months
    _, told = filled(out, tmp_path / "left.tif")
    assert (told == (load_design(out).column("column") < 25)).all()


@pytest.mark.parametrize("name", ["parcels.gpkg", "parcels.geojson", "parcels.shp"])
def test_declared_parcels_of_two_years_date_a_change(area, tmp_path, name):
    out = area[2]
    left, right = half(out, 0), half(out, 1)
    crs = "EPSG:32649"
    if name.endswith("geojson"):  # which is in degrees
        crs = "EPSG:4326"
        across = Transformer.from_crs("EPSG:32649", crs, always_xy=True).transform
        left, right = (shapely.transform(side, across, interleaved=False) for side in (left, right))
    path = write_polygons(
        tmp_path / name,
        [left, left, right],
        crs,
        crop=["maize", "town", "fallow"],
        year=[2019, 2020, 2019],
    )
    names = {"maize": "cropland", "town": "impervious surface", "fallow": ""}
    found, told = filled(out, path, "crop", names)
    is_left = load_design(out).column("column") < 25
    assert (told == is_left).all()
    months = load_design(out).months
    expected = np.where(months < np.datetime64("2020-01"), 5, 4)
    assert (found[told] == expected).all()


def test_parcels_with_a_first_and_a_last_month_hold_from_then_on(area, tmp_path):
    out = area[2]
    side = half(out, 0)
    path = write_polygons(
        tmp_path / "parcels.gpkg",
        [side, side],
        **{"class": ["woodland", "bare soil"]},
        first_month=["2019-02", "2019-08"],
        last_month=["2019-05", "2020-03"],
    )
    found, told = filled(out, path)
    assert (found[told] == [1] * 6 + [3] * (MONTHS - 6)).all()


def test_a_point_with_two_classes_in_one_month_cannot_be_told(area, tmp_path, capsys):
    out = area[2]
    both = shapely.union(half(out, 0), half(out, 1))
    path = write_polygons(
        tmp_path / "two.gpkg", [both, half(out, 1)], **{"class": ["woodland", "cropland"]}
    )
    assess.main(["reference", str(out), "--from", str(path), "--overwrite"])
    is_right = load_design(out).column("column") >= 25
    assert f"({is_right.sum()} have two classes in one month)" in capsys.readouterr().out


def broken_rasters(folder):
    """Files that hold no classes: name -> (path, what the line must say)."""
    with rasterio.open(
        folder / "float.tif",
        "w",
        **{"driver": "GTiff", "height": 4, "width": 4, "count": 1, "dtype": "float32"},
        crs="EPSG:32649",
        transform=rasterio.Affine(10, 0, 0, 0, -10, 0),
    ) as raster:
        raster.write(np.zeros((1, 4, 4), np.float32))
    (folder / "text.geojson").write_text(json.dumps({"hello": 1}))
    (folder / "notes.tif").write_text("no raster")
    return {
        "float": (folder / "float.tif", "holds float32"),
        "no raster": (folder / "notes.tif", "cannot be read"),
        "no layer": (folder / "text.geojson", "cannot be read"),
        "missing": (folder / "gone.gpkg", "not found"),
    }


def broken_polygons(folder, out):
    """Polygons that cannot stand for an interpreter: name -> (path, what the line must say)."""
    side = half(out, 0)
    label = {"class": ["woodland"]}
    wood = [np.array(["woodland"], object)]
    far = shapely.transform(side, lambda at: at + 1e5)
    point = shapely.points(*side.centroid.coords[0])
    pyogrio.raw.write(
        folder / "nowhere.gpkg", [shapely.to_wkb(side)], wood, ["class"], geometry_type="Polygon"
    )
    return {
        "no CRS": (folder / "nowhere.gpkg", "no coordinate reference system"),
        "far away": (write_polygons(folder / "far.gpkg", [far], **label), "no point"),
        "points": (write_polygons(folder / "point.gpkg", [point], **label), "expected polygons"),
        "field": (write_polygons(folder / "crop.gpkg", [side], crop=["a"]), "expected 'class'"),
        "class": (
            write_polygons(folder / "jungle.gpkg", [side], **{"class": ["jungle"]}),
            "class 'jungle' is not in the design",
        ),
        "year": (
            write_polygons(folder / "year.gpkg", [side], **label, year=["last"]),
            "found 'last-01', expected a month",
        ),
        "one end": (
            write_polygons(folder / "end.shp", [side], **label, last_month=["2019-03"]),
            "found the field last_month alone",
        ),
        "backwards": (
            write_polygons(
                folder / "back.gpkg",
                [side],
                **label,
                first_month=["2019-05"],
                last_month=["2019-03"],
            ),
            "expected first_month <= last_month",
        ),
    }


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_a_source_that_cannot_be_used_ends_in_one_line(area, tmp_path):
    out = area[2]
    broken = broken_rasters(tmp_path) | broken_polygons(tmp_path, out)
    for name, (path, words) in broken.items():
        with pytest.raises(InputError) as error:
            fill_reference(out, path, overwrite=True)
        assert words in str(error.value) and "\n" not in str(error.value), name
    with pytest.raises(InputError, match="--classes maize: expected NAME"):
        assess.main(["reference", str(out), "--from", str(out), "--classes", "maize"])


def test_labelled_samples_stand_for_an_interpreter(tmp_path):
    labels = made_up_labels()
    stack = write_stack(tmp_path / "stack", labels)
    made = write_map(tmp_path / "map", labels, stack=stack)
    out, found = design(made, tmp_path / "a", points=30, minimum=3)
    series = np.load(out / "series.npz")
    y = labels[:, found.column("row"), found.column("column")].T[:20].copy()
    y[:, 1:5] = -1  # months without a label take the one before them
    arrays = {name: series[name] for name in ("x", "ids", "lonlat")}
    arrays = {name: values[:20] for name, values in arrays.items()}
    rest = {name: series[name] for name in ("months", "bands", "classes")}
    np.savez(tmp_path / "plots.npz", y=y, **arrays, **rest)
    assert "20 of 30 points have a label" in fill_reference(out, tmp_path / "plots.npz")
    read = read_reference(out / "reference.csv", found.months, list(found.classes))
    assert (read.labels[:20, 5:] == y[:, 5:]).all() and (read.confidence[20:] == CANNOT_TELL).all()
    assert (read.labels[:20, :5] == y[:, :1]).all()
    with pytest.raises(InputError, match="is there already"):
        fill_reference(out, tmp_path / "plots.npz")
    arrays["lonlat"] = arrays["lonlat"] + 1
    np.savez(tmp_path / "plots.npz", y=y, **arrays, **rest)
    with pytest.raises(InputError, match="no point of the design has a label"):
        fill_reference(out, tmp_path / "plots.npz", overwrite=True)
