"""Cells of tables of samples. A cell that cannot be read is an error that names row and column.

Rows are counted as a spreadsheet counts them: the header is row 1.
"""

import re

import numpy as np
import pandas as pd

from utils.bands import BANDS, LONGEST
from utils.errors import InputError
from utils.legend import COAST, URBAN, legend_for

NOT_BANDS = ("sample", "month", "label", "lon", "lat", "site")
# Year first, so that nobody takes the day for the month: 2018-02, 2018/2, 201802, 2018-02-15
MONTH = r"^\s*(\d{4})(?:[-/.](\d{1,2})(?!\d)|(\d\d)(?:\d\d)?\s*$)"


def read_numbers(path, table, column):
    """Return one column as float64. An empty cell (also NA, NaN, null) is NaN.

    Raises InputError for a cell that is no number, such as '1,5' or 'cloud'.
    """
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(float, na_value=np.nan)
    if table[column].dtype.kind not in "iuf":
        unreadable = np.isnan(values) & ~empty_cells(table[column])
        refuse_cell(path, table, column, unreadable, "a number such as 1.5, or an empty cell")
    return values


def read_months(path, table):
    """Return the column 'month' as datetime64[M]; raises InputError for any other cell."""
    parts = table["month"].astype(str).str.extract(MONTH)
    year = parts[0].astype(float).to_numpy()
    month = parts[1].fillna(parts[2]).astype(float).to_numpy()
    readable = (month >= 1) & (month <= 12)  # NaN is neither
    refuse_cell(path, table, "month", ~readable, "YYYY-MM")
    since_1970 = 12 * (year - 1970) + month - 1
    return since_1970.astype(int).astype("datetime64[M]")


def read_names(path, table, column):
    """Return one column as text; raises InputError for an empty cell."""
    refuse_cell(path, table, column, empty_cells(table[column]), "a name in every row")
    return table[column].astype(str)


def read_labels(path, table, legend=None):
    """Return the column 'label' as class ids (rows,), -1 where a cell is empty, and the Legend.

    Labels are ids or class names. Without a legend, names that are all known make URBAN or COAST,
    other names make a legend of their own, and ids are those of URBAN.
    """
    cells = table["label"]
    if cells.dtype.kind in "iufb":
        return cells.fillna(-1).to_numpy(), legend or URBAN
    names = cells.astype(str).str.strip().where(~empty_cells(cells), "")
    numbers = pd.to_numeric(names, errors="coerce")
    numeric = numbers.notna().to_numpy()
    given = (names != "").to_numpy()
    if legend is None and numeric.any():
        # One word among ids, or one id among words: a slip that must not make a class of its own.
        refuse_cell(path, table, "label", given & ~numeric, "ids only, or class names only")
        return numbers.fillna(-1).to_numpy(), URBAN
    legend = legend or legend_of_names(sorted(set(names[given])))
    expected = f"one of {', '.join(legend.names)}"
    ids = pd.Index(legend.names).get_indexer(names)  # -1 for names that are not there
    if given.any() and numeric[given].all() and (ids[given] < 0).any():
        return numbers.fillna(-1).to_numpy(), legend
    refuse_cell(path, table, "label", given & (ids < 0), expected)
    return ids, legend


def legend_of_names(names):
    """Return URBAN or COAST where they have all these names, else a legend of the names."""
    for legend in (URBAN, COAST):
        if set(names) <= set(legend.names):
            return legend
    return legend_for(names)


def bands_of_table(table):
    """Return the names of the columns that hold bands.

    These are the known bands, and any other column of numbers, which may be asked for by name.
    """
    others = [name for name in table.columns if name not in NOT_BANDS]
    found = []
    for name in others:
        if name in BANDS or table[name].dtype.kind in "iuf":
            found.append(name)
    return tuple(found)


def bands_in_words(path, table):
    """Return a table of the bands in the column 'bands_value', such as '{B2=1122.5, B3=null}'.

    A band is kept when every row names it. Raises InputError for a known band that a row lacks.
    """
    words = table["bands_value"].astype(str).reset_index(drop=True)
    found = words.str.extractall(r"(?P<band>\w+)=(?P<value>[^,}\s]+)")
    found = found.reset_index(names=["row", "place"])
    values = found.pivot(index="row", columns="band", values="value")
    values = values.reindex(words.index)  # also rows without any band
    for band in sorted(set(BANDS) & set(values.columns)):
        refuse_cell(path, table, "bands_value", values[band].isna(), f"{band}=NUMBER in it")
    return values.dropna(axis=1).replace("null", np.nan).set_axis(table.index)


def arrays_of_rows(path, table, bands, ids):
    """Return x (N, C, T), y (N, T) and first months (N,) of rows (sample, month) in any order.

    ids (N,): the order of the samples. Each series begins in its own first month. A month without
    a row is not observed and not labelled. Raises InputError for a month given twice.
    """
    number = pd.Index(ids).get_indexer(table["sample"].astype(str))
    month = read_months(path, table)
    order = np.lexsort((month, number))
    table = table.iloc[order]
    number, month = number[order], month[order]
    same_sample = number[1:] == number[:-1]
    repeated = same_sample & (month[1:] == month[:-1])
    refuse_cell(path, table.iloc[1:], "month", repeated, "each month of a sample once, not twice")
    first = month[np.flatnonzero(np.diff(number, prepend=-1))]
    column = (month - first[number]).astype(int)
    steps = column.max() + 1
    if steps > LONGEST:
        at = column.argmax()
        raise InputError(
            f"{path}: sample {ids[number[at]]} runs from {first[number[at]]} to {month[at]}; "
            f"expected at most {LONGEST} months"
        )
    shape = (len(ids), len(bands), steps)
    x = np.full(shape, np.nan, np.float32)
    for place, band in enumerate(bands):
        x[number, place, column] = read_numbers(path, table, band)
    y = np.full((len(ids), steps), -1.0)
    y[number, column] = table["label"].fillna(-1)
    return x, y, first


def places_of_rows(path, table, ids):
    """Return lonlat (N, 2) and site (N,) of the samples `ids`, each None where the table has none.

    Of each sample, the filled cell of the earliest month counts.
    """
    order = np.argsort(read_months(path, table), kind="stable")
    table = table.iloc[order]
    sample = table["sample"].astype(str).to_numpy()

    def first_of_sample(cells):
        return pd.Series(np.asarray(cells)).groupby(sample).first().reindex(ids)

    given = [name for name in ("lon", "lat", "site") if name in table.columns]
    given = [name for name in given if not empty_cells(table[name]).all()]
    lonlat = site = None
    if "lon" in given and "lat" in given:
        degrees = [first_of_sample(read_numbers(path, table, name)) for name in ("lon", "lat")]
        lonlat = np.column_stack(degrees)
    if "site" in given:
        names = first_of_sample(table["site"])
        if names.isna().any():
            lacking = names.index[names.isna()][0]
            raise InputError(f"{path}: sample {lacking} has no site; expected one for every sample")
        site = names.to_numpy().astype(str)
    return lonlat, site


def natural_order(names):
    """Sort names so that 'plot 9' comes before 'plot 10'."""
    return np.array(sorted(names, key=natural_key), dtype=str)


def natural_key(name):
    """Return the parts of a name, numbers as numbers; the name itself decides between '1', '01'."""
    parts = re.split(r"(\d+)", name)
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return parts, name


def empty_cells(column):
    """Return where a column holds nothing: (rows,) bool."""
    if column.dtype.kind in "iub":
        return np.zeros(len(column), bool)
    blank = column.isna().to_numpy()
    if column.dtype.kind == "f":
        return blank
    return blank | (column.astype(str).str.strip() == "").to_numpy()


def refuse_cell(path, table, column, wrong, expected):
    """Raise InputError for the first row of the file that is wrong: (rows,) bool."""
    wrong = np.flatnonzero(wrong)
    if len(wrong) == 0:
        return
    row = wrong[np.argmin(table.index[wrong])]
    value = table[column].iloc[row]
    where = f"row {table.index[row] + 2}, column {column}"
    if "sample" in table.columns:
        where += f" (sample {table['sample'].iloc[row]})"
    raise InputError(f"{path}: {where}: '{value}' found; expected {expected}")
