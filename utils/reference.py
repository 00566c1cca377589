"""reference.csv: what an interpreter says of sample points. One row a segment.

    id,interpreter,first_month,last_month,class,confidence,lon,lat
    1,ann,2019-02,2020-06,woodland,sure,112.9,28.1
    1,ann,2020-07,2023-01,bare soil,sure,112.9,28.1

`confidence` is sure, unsure or cannot tell; it is that of the whole point. A point that nobody can
tell has one row without a class. points.csv and points.gpkg, filled in by hand with a class in the
column of each month, are read as well.

A spreadsheet may have saved the file again: semicolons, other encodings, whole dates for months
(2019-02-01, 01.02.2019) and rows left empty are read too.
"""

import re
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from utils.errors import InputError

SURE, UNSURE, CANNOT_TELL = CONFIDENCE = ("sure", "unsure", "cannot tell")
COLUMNS = ("id", "first_month", "last_month", "class")
# 2019-02, and what spreadsheets make of it where no other month can be meant. 2/1/2019 is a day in
# January or the month of February, and Feb-19 may be a day of this year.
MONTH = re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})(-01)?")
DOTTED = re.compile(r"01\.(?P<month>\d{2})\.(?P<year>\d{4})")


@dataclass(frozen=True)
class Reference:
    """n points that somebody has looked at; T months.

    ids (n,) str; labels (n, T) int8, -1 in all months where the point cannot be told;
    confidence (n,) str; interpreters: their names; lonlat (n, 2), NaN where the file has none.
    """

    ids: np.ndarray
    labels: np.ndarray
    confidence: np.ndarray
    interpreters: tuple
    lonlat: np.ndarray

    def __len__(self):
        return len(self.ids)

    def take(self, rows):
        """Return the Reference of these points (indices or a mask)."""
        picked = (self.ids[rows], self.labels[rows], self.confidence[rows])
        return Reference(*picked, self.interpreters, self.lonlat[rows])


def is_reference(path):
    """Is this the file of an interpreter? Its first line names the columns of segments."""
    if Path(path).suffix.lower() != ".csv":
        return False
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        first = file.readline().strip().replace('"', "").replace(";", ",")
    return set(COLUMNS) <= set(first.split(","))


def read_reference(path, months, names, known_ids=None):
    """Read a reference file; raises InputError, one line, for the first thing that is wrong.

    months (T,) datetime64[M]; names: classes of the legend; known_ids: ids of the design's points,
    None = any. Returns a Reference, its points in the order of the file.
    """
    path = Path(path)
    table = read_rows(path)
    columns = [str(month) for month in months]
    if set(COLUMNS) <= set(table.columns):
        table = tidy(path, table)
        reference = segments_by_month(path, table, months, names)
    elif "id" in table.columns and set(columns) & set(table.columns):
        reference = wide_by_month(path, table, columns, names)
    else:
        raise InputError(
            f"{path}: columns {', '.join(map(str, table.columns[:8]))} found; expected "
            f"{', '.join(COLUMNS)}, or id and a column for each month from {columns[0]} on"
        )
    if len(reference) == 0:
        raise InputError(f"{path}: no point is interpreted; expected at least one")
    if known_ids is not None:
        known = np.isin(reference.ids, np.asarray(known_ids, str))
        unknown = reference.ids[~known]
        if len(unknown):
            raise InputError(
                f"{path}: id {unknown[0]} is not among the points of the design "
                f"({len(unknown)} such ids); expected ids of points.csv"
            )
    return reference


def read_rows(path):
    """The table of a CSV or GeoPackage file, every cell as text, '' = empty."""
    if not path.is_file():
        raise InputError(f"{path}: not found; expected the file that the page saves")
    try:
        if path.suffix.lower() == ".gpkg":
            return read_geopackage(path)
        text = text_of(path)
        first = text.partition("\n")[0]
        # Spreadsheets of many countries write semicolons.
        separator = ";" if first.count(";") > first.count(",") else ","
        table = pd.read_csv(StringIO(text), dtype=str, keep_default_na=False, sep=separator)
    except (ValueError, OSError, pd.errors.ParserError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read ({reason}); expected a CSV file") from error
    return table.apply(lambda column: column.str.strip())


def text_of(path):
    """The text of a file: UTF-8, or the Windows encoding in which spreadsheets often save."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def read_geopackage(path):
    """Attributes of a GeoPackage as text."""
    try:
        from pyogrio.raw import read  # only here: a CSV needs none of it
    except ImportError as error:
        raise InputError(f"{path}: needs pyogrio; see assessing/requirements.txt") from error
    try:
        meta, _, _, fields = read(path, layer=0, read_geometry=False)  # 1: its style
    except Exception as error:  # GDAL has errors of its own
        raise InputError(f"{path}: cannot be read ({error}); expected a GeoPackage") from error
    cells = {name: pd.Series(values) for name, values in zip(meta["fields"], fields)}
    table = pd.DataFrame(cells).astype(object)
    return table.where(table.notna(), "").astype(str)


def tidy(path, table):
    """Fill in the optional columns, leave out empty rows, check the words for confidence."""
    missing = {"interpreter": "", "confidence": SURE} | {"lon": "nan", "lat": "nan"}
    for name, value in missing.items():
        if name not in table.columns:
            table[name] = value
    said = table[["first_month", "last_month", "class"]] != ""
    table = table[said.any(axis=1) | (table["confidence"] == CANNOT_TELL)]
    table = table.assign(confidence=table["confidence"].replace("", SURE))
    wrong = ~table["confidence"].isin(CONFIDENCE)
    if wrong.any():
        row = wrong.idxmax()
        raise InputError(
            f"{path}: row {row + 2}: confidence '{table['confidence'][row]}' found; "
            f"expected {', '.join(CONFIDENCE)}"
        )
    return table


def segments_by_month(path, table, months, names):
    """Reference of rows that each hold a segment."""
    number, ids = pd.factorize(table["id"])  # in the order of the file
    labels = np.full((len(ids), len(months)), -1, np.int8)
    confidence = np.full(len(ids), SURE, object)
    place = np.full((len(ids), 2), np.nan)
    for point, (row, cells) in zip(number, table.iterrows()):
        confidence[point] = worst(confidence[point], cells["confidence"])
        place[point] = pd.to_numeric(cells[["lon", "lat"]], errors="coerce")
        if cells["confidence"] == CANNOT_TELL:
            continue
        where = f"{path}: row {row + 2} (id {cells['id']})"
        first, last = span(where, cells, months)
        label = class_id(where, cells["class"], names)
        if (labels[point, first:last] >= 0).any():
            raise InputError(f"{where}: overlaps another row of its id; expected one class a month")
        labels[point, first:last] = label
    labels[confidence == CANNOT_TELL] = -1
    ids = np.array(ids, str)
    check_whole(path, ids, labels, months, confidence != CANNOT_TELL)
    interpreters = tuple(sorted(set(table["interpreter"]) - {""}))
    return Reference(ids, labels, confidence.astype(str), interpreters, place)


def worst(one, other):
    """The lesser confidence of two."""
    return max(one, other, key=CONFIDENCE.index)


def span(where, cells, months):
    """Positions of a segment's first month and of the month after its last."""
    ends = []
    for column in ("first_month", "last_month"):
        month = month_of(cells[column])
        if np.isnat(month):
            raise InputError(
                f"{where}: {column} '{cells[column]}' found; expected YYYY-MM (if a spreadsheet "
                "rewrote it: save the file from the page again)"
            )
        if not months[0] <= month <= months[-1]:
            raise InputError(
                f"{where}: {column} {month} lies outside the map; expected {months[0]} to "
                f"{months[-1]}"
            )
        ends.append(int((month - months[0]).astype(int)))
    if ends[1] < ends[0]:
        raise InputError(f"{where}: ends before it begins; expected first_month <= last_month")
    return ends[0], ends[1] + 1


def month_of(cell):
    """The month that a cell names, NaT where it cannot be told."""
    found = MONTH.fullmatch(cell) or DOTTED.fullmatch(cell)
    try:
        return np.datetime64("{year}-{month}".format(**found.groupdict()) if found else "NaT", "M")
    except ValueError:  # month 13
        return np.datetime64("NaT")


def class_id(where, name, names):
    """Position of a class name in the legend."""
    if name not in names:
        found = f"class '{name}' found" if name else "no class found"
        raise InputError(f"{where}: {found}; expected one of {', '.join(names)}")
    return names.index(name)


def check_whole(path, ids, labels, months, told):
    """Raise InputError for a point whose months are labelled in part only."""
    part = told & (labels < 0).any(axis=1)
    if part.any():
        point = int(part.argmax())
        month = months[int((labels[point] < 0).argmax())]
        raise InputError(
            f"{path}: id {ids[point]} has no class in {month}; expected a class in every month, or "
            f"the confidence '{CANNOT_TELL}'"
        )


def wide_by_month(path, table, columns, names):
    """Reference of points.csv filled in by hand: a column a month; empty rows are left out."""
    beyond = [name for name in table.columns if looks_like_month(name) and name not in columns]
    missing = [name for name in columns if name not in table.columns]
    if beyond or missing:
        what = f"month {beyond[0]} lies outside the map" if beyond else f"{missing[0]} missing"
        raise InputError(f"{path}: {what}; expected columns {columns[0]} to {columns[-1]}")
    filled = table[(table[columns] != "").any(axis=1)].reset_index(drop=True)
    if filled["id"].duplicated().any():
        repeated = filled["id"][filled["id"].duplicated()].iloc[0]
        raise InputError(f"{path}: id {repeated} stands in two rows; expected one row a point")
    labels = np.full((len(filled), len(columns)), -1, np.int8)
    for row, column in np.argwhere((filled[columns] != "").to_numpy()):
        cell = filled[columns[column]][row]
        where = f"{path}: id {filled['id'][row]}"
        labels[row, column] = class_id(where, cell, names)
    ids = filled["id"].to_numpy(str)
    months = np.array(columns, "datetime64[M]")
    check_whole(path, ids, labels, months, np.ones(len(filled), bool))
    place = filled.reindex(columns=["lon", "lat"]).apply(pd.to_numeric, errors="coerce")
    sure = np.full(len(filled), SURE)
    return Reference(ids, labels, sure, (), place.to_numpy(float))


def looks_like_month(name):
    """Is this the name of a month's column?"""
    digits = str(name).replace("-", "")
    return len(str(name)) == 7 and digits.isdigit() and len(digits) == 6
