"""Any sample format -> Samples -> the parts of a split. This is the file to edit for your own data.

    samples = load_samples("dataset/urban.npz")   # the project's .npz
    samples = load_samples("train.npy")           # the published arrays, (N, 13, T) or (N, T, 11)
    samples = load_samples("gee_points/")         # one CSV a point, from Google Earth Engine
    samples = load_samples("points.csv")          # a long table, CSV or Parquet, see read_table
    samples = load_samples("reference.csv")       # what an interpreter of assess.py saved
    parts = split_samples(samples, "site")        # row numbers for "train", "validation", "test"

To read a format of your own, write one function, and name it in one line of READERS below:

    def read_mine(path, first_month=None, legend=None):
        return Samples(x, y, months, bands, legend)

    READERS = {".mine": read_mine, ...

The class `Samples` says what each array must be. Give the bands that the file has, all of them and
in the file's order. `load_samples` checks the arrays, and picks the bands that are asked for.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from utils.bands import BANDS, NO_OBSERVATION, select_bands
from utils.checks import check_arrays, check_reflectance, expect_shape, observed
from utils.errors import InputError
from utils.files import written_whole
from utils.legend import COAST, URBAN, Legend, legend_for, select_classes
from utils.months import check_first_month, month_axis, monthly_median
from utils.reference import CANNOT_TELL, is_reference, read_reference
from utils.splits import split_samples
from utils.tables import (
    arrays_of_rows,
    bands_in_words,
    bands_of_table,
    natural_order,
    places_of_rows,
    read_labels,
    read_names,
    read_numbers,
)

__all__ = ["BANDS", "READERS", "Samples", "load_samples", "save_samples", "split_samples"]
# Of the project's own .npz; see read_npz.
OPTIONAL = ("ids", "lonlat", "site", "evidence")
ARRAYS = ("x", "y", "label", "bands", "classes", "months", "first_month", "dates", *OPTIONAL)
PUBLISHED_FIRST_MONTH = "2017-12"
# The coast exports number six classes. Class 4 is the background, which no label of ours names.
GEE_LABELS = {1: 0, 2: 1, 3: 2, 4: -1, 5: 3, 6: 4}
GEE_COLUMNS = ("bands_value", "label", "system:time_start", "latitude", "longitude")


@dataclass(frozen=True)
class Samples:
    """Labelled (or not yet labelled) series.

    x       (N, C, T) float32  surface reflectance x 10^4, NaN = no observation;
                               a reader may give integers, with -32768 = no observation
    y       (N, T) int8        class id of every month, -1 = not labelled
    months  (T,) or (N, T) datetime64[M], consecutive
    bands   C names, such as "B2"
    legend  names and colours of the classes
    ids     (N,) str           names of the samples, each once; None: they are numbered from 0
    lonlat  (N, 2) float64 degrees, or None
    site    (N,) str, or None: samples of one site are close together
    evidence (N, T) float32, or None: probability of each label, where no person gave it (label.py)
    """

    x: np.ndarray
    y: np.ndarray
    months: np.ndarray
    bands: tuple
    legend: Legend
    ids: np.ndarray | None = None
    lonlat: np.ndarray | None = None
    site: np.ndarray | None = None
    evidence: np.ndarray | None = None

    def __len__(self):
        return len(self.x)

    def take(self, rows):
        """Return the Samples of these rows (indices or a mask)."""
        arrays = {name: getattr(self, name) for name in ("x", "y", *OPTIONAL)}
        if self.months.ndim == 2:
            arrays["months"] = self.months
        taken = {name: array[rows] for name, array in arrays.items() if array is not None}
        return replace(self, **taken)

    def months_of(self, row):
        """Return the months (T,) of one sample."""
        return self.months if self.months.ndim == 1 else self.months[row]


def load_samples(
    path, *, first_month=None, bands=None, absent_bands="error", classes=None, legend=None
):
    """Read samples from a file or folder; its name tells the format.

    first_month: 'YYYY-MM' for arrays without dates (the published ones begin in 2017-12).
    bands: names of the bands to return, in this order; None: the ten of utils/bands.py.
    absent_bands: what a band that the file lacks is: an 'error', or 'nan', never observed.
    classes: names of the classes to keep; the rest is merged into 'other'.
    legend: a Legend, for labels without names.
    Returns Samples. Raises InputError, one line, for whatever cannot be used.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(
            f"{path}: not found; expected a file {', '.join(READERS)}, or a folder of CSV files"
        )
    try:
        samples = reader_for(path)(path, first_month=first_month, legend=legend)
        samples = check_arrays(path, samples)
        check_first_month(path, samples.months, first_month)
    except InputError:
        raise
    except Exception as error:  # a damaged file makes its library raise anything
        reason = f"cannot be read ({type(error).__name__}: {error})"
        if "pickle" in str(error).lower():
            reason = "holds pickled objects, which are refused"
        raise InputError(f"{path}: {reason}; expected a format of data_loader.py") from error
    samples = select_bands(path, samples, bands or BANDS, absent_bands)
    check_reflectance(path, samples)
    return select_classes(samples, classes) if classes else samples


def reader_for(path):
    """Return the function that reads this file or folder."""
    if path.is_dir():
        return read_gee_folder
    if is_reference(path):
        return read_interpreted
    if path.suffix.lower() in READERS:
        return READERS[path.suffix.lower()]
    raise InputError(
        f"{path}: format '{path.suffix}' not known; expected {', '.join(READERS)} or a folder"
    )


def read_npz(path, first_month=None, legend=None):
    """Read the project's own file.

    Arrays: x (N, C, T); y (N, T) or label (N,), one class for all months; bands; classes (their
    names); months (T,) or (N, T), or first_month, or dates (T,), several a month.
    If known: ids, lonlat, site, evidence. Other arrays are ignored.
    """
    with np.load(path, allow_pickle=False) as file:
        data = {name: file[name] for name in ARRAYS if name in file.files}
        if "x" not in data:
            raise InputError(f"{path}: arrays {sorted(file.files)} found; expected one named x")
    x = data["x"]
    if x.ndim != 3:
        raise InputError(f"{path}: x of shape {x.shape} found; expected (samples, bands, months)")
    n, _, steps = x.shape
    if "classes" in data:
        legend = legend_for(data["classes"])
    y = data.get("y", np.full((n, steps), -1, np.int8))
    if "label" in data and "y" not in data:
        expect_shape(path, "label", data["label"], (n,))
        codes, legend = read_labels(path, pd.DataFrame({"label": data["label"]}), legend)
        y = np.repeat(codes[:, None], steps, axis=1)
    if "dates" in data:
        expect_shape(path, "dates", data["dates"], (steps,))
        expect_shape(path, "labels", y, (n, steps))
        x, y, months = monthly_median(path, observed(x), y, data["dates"].astype("datetime64[D]"))
    elif "months" in data:
        months = data["months"].astype("datetime64[M]")
    else:
        months = month_axis(path, data.get("first_month", first_month), steps)
    known = {name: data.get(name) for name in OPTIONAL}
    return Samples(x, y, months, data.get("bands", BANDS), legend or URBAN, **known)


def read_published(path, first_month=None, legend=None):
    """Read the arrays of He et al. 2024.

    (N, 13, T): ten bands, label, two coordinates. (N, T, 11): ten bands, label.
    Label 6 is read as 5, in a copy: there are six urban classes, 0 to 5.
    """
    raw = np.load(path, allow_pickle=False)
    if raw.ndim == 3 and raw.shape[1] == 13:
        x, y, places = raw[:, :10], raw[:, 10], raw[:, 11:, 0].astype(float)
    elif raw.ndim == 3 and raw.shape[2] == 11:
        x, y, places = raw[:, :, :10].swapaxes(1, 2), raw[:, :, 10], None
    else:
        raise InputError(
            f"{path}: array of shape {raw.shape} found; expected (N, 13, T) or (N, T, 11)"
        )
    y = np.where(y == 6, 5, y)
    lonlat = None
    if places is not None and np.isfinite(places).all() and np.ptp(places) > 0:
        # The order of the two rows is nowhere stated; only a longitude can pass 90 degrees.
        lonlat = places[:, ::-1] if np.abs(places[:, 1]).max() > 90 else places
    months = month_axis(path, first_month or PUBLISHED_FIRST_MONTH, x.shape[2])
    return Samples(x, y, months, BANDS, legend or URBAN, lonlat=lonlat)


def read_gee_folder(path, first_month=None, legend=None):
    """Read a folder of one CSV a point from Google Earth Engine.

    The CSV files lie in sub-folders, which name the sites, or all in one folder, which is one site.
    """
    files = sorted(path.glob("*.csv")) or sorted(path.glob("*/*.csv"))
    if not files:
        raise InputError(f"{path}: no CSV found in it or its sub-folders; expected one CSV a point")
    tables = []
    for file in files:
        table = pd.read_csv(file)
        missing = [name for name in GEE_COLUMNS if name not in table.columns]
        if missing or table.empty:
            found = f"columns {', '.join(missing)} missing" if missing else "no rows"
            raise InputError(f"{file}: {found}; expected an export of Google Earth Engine")
        site = file.parent.name
        tables.append(table[[*GEE_COLUMNS]].assign(sample=f"{site}/{file.stem}", site=site))
    table = pd.concat(tables)  # the index stays the row in its file, for messages
    table.columns = ["bands_value", "label", "month", "lat", "lon", "sample", "site"]
    label = pd.Series(read_numbers(path, table, "label"), table.index)
    unknown = set(label.dropna()) - set(GEE_LABELS)
    if unknown:
        raise InputError(f"{path}: label {min(unknown):g} found; expected 1 to 6")
    bands = bands_in_words(path, table)
    table = pd.concat([table.assign(label=label.map(GEE_LABELS)), bands], axis=1)
    ids = table["sample"].unique()  # in the order of the files
    return samples_of_rows(path, table, tuple(bands), legend or COAST, ids)


def read_interpreted(path, first_month=None, legend=None):
    """Read reference.csv of assess.py, one row a segment, and series.npz, which lies beside it.

    Points that nobody could tell are left out.
    """
    series = path.with_name("series.npz")
    if not series.is_file():
        raise InputError(f"{path}: has no series.npz beside it; assess.py design writes that file")
    samples = read_npz(series)
    reference = read_reference(path, samples.months, samples.legend.names, samples.ids)
    reference = reference.take(reference.confidence != CANNOT_TELL)
    samples = samples.take([list(samples.ids).index(name) for name in reference.ids])
    return replace(samples, y=reference.labels)


def read_table(path, first_month=None, legend=None):
    """Read a long table, CSV or Parquet: one row for each sample and month, in any order.

    Columns: sample, month (YYYY-MM), the bands, label (id or class name). If known: lon, lat, site.
    An empty cell is no observation, or no label. The samples are in the order of their names.
    """
    if path.suffix.lower() == ".parquet":
        table = pd.read_parquet(path).reset_index(drop=True)
    else:
        table = pd.read_csv(path, dtype={"sample": str, "site": str}, low_memory=False)
    missing = [name for name in ("sample", "month", "label") if name not in table.columns]
    if missing:
        raise InputError(
            f"{path}: columns {', '.join(missing)} missing; "
            f"expected sample, month, {', '.join(BANDS)}, label, separated by commas"
        )
    if table.empty:
        raise InputError(f"{path}: no samples in it")
    codes, legend = read_labels(path, table, legend)
    ids = natural_order(read_names(path, table, "sample").unique())
    return samples_of_rows(path, table.assign(label=codes), bands_of_table(table), legend, ids)


def samples_of_rows(path, table, bands, legend, ids):
    """Return Samples from a table with one row for each sample and month, in any order."""
    x, y, first_month = arrays_of_rows(path, table, bands, ids)
    lonlat, site = places_of_rows(path, table, ids)
    months = month_axis(path, first_month, x.shape[2])
    return Samples(x, y, months, bands, legend, ids, lonlat, site)


READERS = {".npz": read_npz, ".npy": read_published, ".csv": read_table, ".parquet": read_table}


def save_samples(path, samples):
    """Write the project's own .npz: reflectance as int16 x 10^4, -32768 = no observation.

    Reflectance beyond -3.2767 or 3.2767 is written as that limit.
    """
    limit = -NO_OBSERVATION - 1
    x = np.rint(np.clip(samples.x, -limit, limit))
    arrays = {
        "x": np.where(np.isnan(x), NO_OBSERVATION, x).astype(np.int16),
        "y": samples.y,
        "months": samples.months.astype(str),
        "bands": np.array(samples.bands),
        "classes": np.array(samples.legend.names),
    }
    for name in OPTIONAL:
        if getattr(samples, name) is not None:
            arrays[name] = getattr(samples, name)
    # An open file keeps its name: np.savez would add ".npz" to another suffix.
    with written_whole(path) as part, open(part, "wb") as file:
        np.savez_compressed(file, **arrays)
