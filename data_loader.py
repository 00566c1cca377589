"""Any accepted sample format -> Samples -> splits.

    samples = load_samples("dataset/urban.npz")           # the project's .npz
    samples = load_samples("train.npy")                   # the published arrays, (N, 13, T) or (N, T, 11)
    samples = load_samples("gee_points/")                 # a folder of one CSV a point from Google Earth Engine
    samples = load_samples("points.csv")                  # a long table, CSV or Parquet, see read_table
    parts = split_samples(samples, "site", seed=0)        # {"train": rows, "validation": rows, "test": rows}

To read a format of your own: write `read_mine(path, options) -> dict` that gives the arrays of `Samples`
(reflectance x 10^4, NaN = no observation; label -1 = not labelled), and name it in `reader_for`.
"""

import re
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from utils.bands import BANDS, NO_OBSERVATION, SHORTEST
from utils.errors import InputError
from utils.files import written_whole
from utils.legend import COAST, URBAN, Legend, legend_for, merge_classes
from utils.splits import sites_from_coordinates, split_file, split_groups, split_provinces

PUBLISHED_FIRST_MONTH = "2017-12"
GEE_LABELS = {
    1: 0,
    2: 1,
    3: 2,
    4: -1,
    5: 3,
    6: 4,
}  # the coast exports number six classes; 4 is background


@dataclass(frozen=True)
class Samples:
    """Labelled (or not yet labelled) series.

    x       (N, C, T) float32  surface reflectance x 10^4, NaN = no observation
    y       (N, T) int8        class id of every month, -1 = not labelled
    months  (T,) or (N, T) datetime64[M], consecutive
    lonlat  (N, 2) float64 degrees, or None
    site    (N,) str, or None: samples of one site are close together
    ids     (N,) str           names of the samples
    """

    x: np.ndarray
    y: np.ndarray
    months: np.ndarray
    bands: tuple
    legend: Legend
    ids: np.ndarray
    lonlat: np.ndarray | None = None
    site: np.ndarray | None = None

    def __len__(self):
        return len(self.x)

    def take(self, rows):
        """Return the Samples of these rows (indices or a mask)."""
        pick = {name: getattr(self, name)[rows] for name in ("x", "y", "ids")}
        for name in ("lonlat", "site"):
            pick[name] = None if getattr(self, name) is None else getattr(self, name)[rows]
        return replace(
            self, months=self.months if self.months.ndim == 1 else self.months[rows], **pick
        )

    def months_of(self, row):
        """Return the months (T,) of one sample."""
        return self.months if self.months.ndim == 1 else self.months[row]


def load_samples(path, *, first_month=None, bands=None, classes=None, legend=None):
    """Read samples from a file or folder; the format is recognised from what is there.

    first_month: 'YYYY-MM' for arrays without dates (published: 2017-12). bands: names of the bands
    to keep. classes: names of the classes to keep, the rest merged into 'other'. legend: a Legend,
    for labels without names. Raises InputError in one line for whatever cannot be used.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(
            f"{path}: not found; expected a .npz, .npy, .csv or .parquet file or a folder of CSV files"
        )
    wanted = tuple(bands) if bands else BANDS
    try:
        arrays = reader_for(path)(
            path, {"first_month": first_month, "bands": wanted, "legend": legend}
        )
    except InputError:
        raise
    except (
        ValueError,
        KeyError,
        OSError,
        EOFError,
        ImportError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        pickled = "pickle" in str(error).lower()
        reason = (
            "holds pickled objects, which are refused" if pickled else f"cannot be read: {error}"
        )
        raise InputError(
            f"{path}: {reason}; expected one of the formats in data_loader.py"
        ) from error
    samples = checked(path, arrays)
    if classes:
        merged, new_id = merge_classes(samples.legend, tuple(classes))
        lookup = np.array([*new_id, -1], np.int8)  # the last entry serves label -1
        samples = replace(samples, y=lookup[samples.y], legend=merged)
    return samples


def reader_for(path):
    """Return the function that reads this file or folder."""
    readers = {".npz": read_npz, ".npy": read_published, ".csv": read_table, ".parquet": read_table}
    reader = read_gee_folder if path.is_dir() else readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"{path}: format '{path.suffix}' not known; expected .npz, .npy, .csv, .parquet or a folder"
        )
    return reader


def read_npz(path, options):
    """The project's own file: x, y, bands, classes, first_month (or months, or dates); if known
    lonlat, site, ids.
    """
    with np.load(path, allow_pickle=False) as file:
        data = {name: file[name] for name in file.files}
    if "x" not in data or data["x"].ndim != 3:
        found = f"x of shape {data['x'].shape}" if "x" in data else f"arrays {sorted(data)}"
        raise InputError(f"{path}: {found} found; expected x of shape (samples, bands, months)")
    n, _, steps = data["x"].shape
    x = observed(data["x"])
    legend = legend_for(data["classes"]) if "classes" in data else options["legend"] or URBAN
    if "label" in data and "y" not in data:  # one class a series, every month
        if "classes" not in data and data["label"].dtype.kind == "U":
            legend = options["legend"] or legend_for(np.unique(data["label"]))
        codes = label_ids(path, data["label"], legend)
        data["y"] = np.repeat(codes[:, None], steps, axis=1)
    y = data.get("y", np.full((n, steps), -1, np.int8))
    if "dates" in data:
        x, y, months = monthly_median(x, y, data["dates"].astype("datetime64[D]"))
    elif "months" in data:
        months = data["months"].astype("datetime64[M]")
    else:
        months = month_axis(path, data.get("first_month", options["first_month"]), steps)
    return {
        "x": x,
        "y": y,
        "months": months,
        "legend": legend,
        "lonlat": data.get("lonlat"),
        "site": data.get("site"),
        "ids": data.get("ids"),
        "file_bands": tuple(data.get("bands", BANDS)),
        "bands": options["bands"],
    }


def read_published(path, options):
    """The arrays of He et al. 2024: (N, 13, T), ten bands, label, two coordinates; or (N, T, 11),
    ten bands, label.

    Label 6 is read as 5, in a copy: six urban classes.
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
    if places is not None and np.isfinite(places).all() and np.ptp(places) > 0:
        # The order of the two rows is nowhere stated; only a longitude can pass 90 degrees.
        lonlat = places[:, ::-1] if np.abs(places[:, 1]).max() > 90 else places
    else:
        lonlat = None
    months = month_axis(path, options["first_month"] or PUBLISHED_FIRST_MONTH, x.shape[2])
    return {
        "x": observed(x),
        "y": y,
        "months": months,
        "legend": options["legend"] or URBAN,
        "lonlat": lonlat,
        "file_bands": BANDS,
        "bands": options["bands"],
    }


def read_gee_folder(path, options):
    """A folder of one CSV a point from Google Earth Engine, in sub-folders named by site, or all of
    one site.
    """
    files = sorted(path.glob("*.csv")) or sorted(path.glob("*/*.csv"))
    if not files:
        raise InputError(
            f"{path}: no CSV found in it or in its sub-folders; expected one CSV a point"
        )
    tables = []
    for file in files:
        table = pd.read_csv(file)
        missing = {"bands_value", "label", "system:time_start", "latitude", "longitude"} - set(
            table.columns
        )
        if missing or table.empty:
            found = f"columns {', '.join(sorted(missing))} missing" if missing else "no rows"
            raise InputError(
                f"{file}: {found}; expected an export of Google Earth Engine with bands_value"
            )
        tables.append(table.assign(sample=f"{file.parent.name}/{file.stem}", site=file.parent.name))
    table = pd.concat(tables, ignore_index=True)
    for band in options["bands"]:
        value = table["bands_value"].astype(str).str.extract(rf"\b{re.escape(band)}=([^,}}\s]+)")[0]
        if value.isna().any():
            raise InputError(
                f"{path}: band {band} missing in bands_value of {table['sample'][value.isna()].iloc[0]}"
            )
        table[band] = pd.to_numeric(value.replace("null", np.nan))
    unknown = set(table["label"].dropna().astype(int)) - set(GEE_LABELS)
    if unknown:
        raise InputError(f"{path}: label {sorted(unknown)[0]} found; expected 1 to 6")
    table["label"] = table["label"].map(GEE_LABELS)
    table = table.rename(
        columns={"system:time_start": "month", "longitude": "lon", "latitude": "lat"}
    )
    return from_long(path, table, options, options["legend"] or COAST)


def read_table(path, options):
    """A long table: sample, month (YYYY-MM), the bands, label (id or class name), and if known lon,
    lat, site.
    """
    is_parquet = path.suffix.lower() == ".parquet"
    table = (
        pd.read_parquet(path)
        if is_parquet
        else pd.read_csv(path, dtype={"sample": str, "site": str})
    )
    missing = [
        name
        for name in ("sample", "month", *options["bands"], "label")
        if name not in table.columns
    ]
    if missing:
        found = sum(name in table.columns for name in options["bands"])
        raise InputError(
            f"{path}: columns {', '.join(missing)} missing ({found} bands found); "
            f"expected sample, month, {', '.join(options['bands'])}, label"
        )
    legend = options["legend"]
    if table["label"].dtype.kind not in "iuf":
        names = sorted(set(table["label"].dropna()))
        if legend is None:
            known = [each for each in (URBAN, COAST) if set(names) <= set(each.names)]
            legend = known[0] if known else legend_for(names)
        table = table.assign(label=label_ids(path, table["label"].fillna("").to_numpy(str), legend))
    return from_long(path, table, options, legend or URBAN)


def from_long(path, table, options, legend):
    """Turn rows of (sample, month) into arrays, each from its own first month; a month lacking is
    NaN, not labelled.
    """
    try:
        month = pd.to_datetime(table["month"].astype(str)).to_numpy().astype("datetime64[M]")
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{path}: column month cannot be read as dates ({error}); expected YYYY-MM"
        ) from error
    if np.isnat(month).any():
        raise InputError(f"{path}: a row has no month; expected YYYY-MM in every row")
    number, ids = pd.factorize(table["sample"].astype(str))
    same = number[1:] == number[:-1]
    pairs = pd.MultiIndex.from_arrays([number, month])
    if pairs.has_duplicates:
        row = int(pairs.duplicated().argmax())
        raise InputError(
            f"{path}: sample {ids[number[row]]} has month {month[row]} twice; expected one row a month"
        )
    if (same & (month[1:] < month[:-1])).any():
        row = int((same & (month[1:] < month[:-1])).argmax()) + 1
        raise InputError(
            f"{path}: sample {ids[number[row]]} has {month[row]} out of order; expected rising months"
        )
    first = np.unique(number, return_index=True)[1]
    column = (month - month[first][number]).astype(int)
    steps = column.max() + 1
    x = np.full((len(ids), len(options["bands"]), steps), np.nan, np.float32)
    for band, name in enumerate(options["bands"]):
        x[number, band, column] = pd.to_numeric(table[name], errors="coerce")
    y = np.full((len(ids), steps), -1.0)
    y[number, column] = table["label"].fillna(-1)
    lonlat = (
        table[["lon", "lat"]].to_numpy(float)[first]
        if {"lon", "lat"} <= set(table.columns)
        else None
    )
    site = table["site"].astype(str).to_numpy()[first] if "site" in table.columns else None
    return {
        "x": observed(x),
        "y": y,
        "months": month_axis(path, month[first], steps),
        "legend": legend,
        "lonlat": lonlat,
        "site": site,
        "ids": ids,
        "file_bands": options["bands"],
        "bands": options["bands"],
    }


def observed(x):
    """Return float32 with NaN where an integer array holds 'no observation'; the array given is
    left as it is.
    """
    result = np.array(x, np.float32)
    result[result == NO_OBSERVATION] = np.nan
    return result


def label_ids(path, names, legend):
    """Turn class names into ids; an empty name is -1."""
    unknown = sorted(set(names) - set(legend.names) - {""})
    if unknown:
        raise InputError(
            f"{path}: label '{unknown[0]}' not in the legend; expected one of {', '.join(legend.names)}"
        )
    return np.array([legend.names.index(name) if name else -1 for name in names], np.int8)


def month_axis(path, first_month, steps):
    """Return consecutive months (T,), or (N, T) where `first_month` differs between samples."""
    if first_month is None:
        raise InputError(f"{path}: no dates in it; expected --first-month YYYY-MM")
    try:
        first = np.atleast_1d(np.asarray(first_month)).astype("datetime64[M]")
    except ValueError as error:
        raise InputError(f"{path}: first month {first_month} found; expected YYYY-MM") from error
    first = first[:1] if (first == first[0]).all() else first
    months = first[:, None] + np.arange(steps)
    return months[0] if len(first) == 1 else months


def monthly_median(x, y, dates):
    """Reduce several looks a month to their median; the label is that of the month's last look."""
    month = dates.astype("datetime64[M]")
    if (np.diff(dates) <= np.timedelta64(0)).any():
        raise InputError("dates are out of order or repeated; expected rising dates")
    months = np.arange(month[0], month[-1] + 1)
    out = np.full((*x.shape[:2], len(months)), np.nan, np.float32)
    labels = np.full((len(x), len(months)), -1, y.dtype)
    for t, this in enumerate(months):
        looks = np.flatnonzero(month == this)
        if len(looks):
            some = np.isfinite(x[:, :, looks]).any(axis=2)
            out[:, :, t][some] = np.nanmedian(x[:, :, looks][some], axis=1)
            labels[:, t] = y[:, looks[-1]]
    return out, labels, months


def checked(path, arrays):
    """Check what a reader gave and return it as Samples; raises InputError for the first thing that
    cannot be used.
    """
    x, y, months, legend = arrays["x"], np.asarray(arrays["y"]), arrays["months"], arrays["legend"]
    n, n_bands, steps = x.shape
    if n == 0:
        raise InputError(f"{path}: no samples in it")
    if n_bands != len(arrays["file_bands"]):
        names = arrays["file_bands"]
        raise InputError(
            f"{path}: {n_bands} bands found; expected {len(names)}: {', '.join(names)}"
        )
    lacking = [band for band in arrays["bands"] if band not in arrays["file_bands"]]
    if lacking:
        raise InputError(
            f"{path}: band {', '.join(lacking)} not in it ({len(arrays['file_bands'])} bands found); "
            f"it has {', '.join(arrays['file_bands'])}"
        )
    x = x[:, [arrays["file_bands"].index(band) for band in arrays["bands"]]]
    if steps < SHORTEST:
        raise InputError(f"{path}: {steps} months found; expected at least {SHORTEST}")
    if (
        months.shape not in ((steps,), (n, steps))
        or (np.diff(months.astype(int), axis=-1) != 1).any()
    ):
        raise InputError(
            f"{path}: months are not {steps} consecutive ones (repeated, out of order or with gaps)"
        )
    if y.shape != (n, steps):
        raise InputError(f"{path}: labels of shape {y.shape} found; expected {(n, steps)}")
    if not np.isin(y, np.arange(-1, len(legend))).all():
        bad = y[~np.isin(y, np.arange(-1, len(legend)))][0]
        names = ", ".join(legend.names)
        raise InputError(
            f"{path}: label {bad:g} found; expected 0 to {len(legend) - 1} ({names}), or -1"
        )
    ids = (
        np.arange(n).astype(str)
        if arrays.get("ids") is None
        else np.asarray(arrays["ids"]).astype(str)
    )
    if np.isinf(x).any():
        raise InputError(
            f"{path}: sample {ids[np.isinf(x).any((1, 2)).argmax()]} holds an infinite reflectance"
        )
    empty = np.isnan(x).all((1, 2))
    if empty.any():
        raise InputError(
            f"{path}: {empty.sum()} series without any observation, first sample {ids[empty.argmax()]}"
        )
    largest = np.nanmax(np.abs(x))
    if largest < 20:
        raise InputError(
            f"{path}: largest reflectance {largest:.3g} found; expected reflectance x 10^4 (0 to 10,000)"
        )
    for name, shape in (("lonlat", (n, 2)), ("site", (n,)), ("ids", (n,))):
        if arrays.get(name) is not None and np.shape(arrays[name]) != shape:
            raise InputError(
                f"{path}: {name} of shape {np.shape(arrays[name])} found; expected {shape}"
            )
    site = None if arrays.get("site") is None else np.asarray(arrays["site"]).astype(str)
    lonlat = None if arrays.get("lonlat") is None else np.asarray(arrays["lonlat"], float)
    return Samples(x, y.astype(np.int8), months, tuple(arrays["bands"]), legend, ids, lonlat, site)


def split_samples(samples, spec="auto", *, validation=0.15, test=0.15, seed=0):
    """Return {"train", "validation", "test"}: row numbers.

    spec: 'site' holds out whole sites (known, or found from coordinates), these shares of the
    sites; 'sample' ignores sites; 'province:A,B' tests on all sites whose names begin with A_ or
    B_; a path reads a file of ids; 'auto' is 'site' where at least three sites are known, else
    'sample'. The same seed gives the same parts, and of many draws the one whose parts are most
    alike in classes.
    """
    site = samples.site
    if site is None and samples.lonlat is not None:
        site = sites_from_coordinates(samples.lonlat)
    if spec == "auto":
        spec = "site" if site is not None and len(np.unique(site)) >= 3 else "sample"
    if spec == "sample":
        return split_groups(np.arange(len(samples)), validation, test, seed)
    if spec != "site" and not spec.startswith("province:"):
        return split_file(spec, samples.ids, validation, seed)
    if site is None:
        raise InputError(
            f"--split {spec}: the samples have neither sites nor coordinates; expected --split sample"
        )
    if spec == "site":
        return split_groups(site, validation, test, seed, samples.y)
    return split_provinces(
        site, spec.removeprefix("province:").split(","), validation, seed, samples.y
    )


def save_samples(path, samples):
    """Write the project's own .npz: reflectance as int16 x 10^4, -32768 = no observation."""
    arrays = {
        "y": samples.y,
        "months": samples.months.astype(str),
        "bands": np.array(samples.bands),
        "classes": np.array(samples.legend.names),
        "ids": samples.ids,
    }
    arrays["x"] = np.where(
        np.isnan(samples.x), NO_OBSERVATION, np.rint(np.nan_to_num(samples.x))
    ).astype(np.int16)
    arrays |= {
        name: getattr(samples, name)
        for name in ("lonlat", "site")
        if getattr(samples, name) is not None
    }
    with written_whole(path) as part:
        np.savez_compressed(part, **arrays)
