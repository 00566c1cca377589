"""Which samples train, which choose (validation), which are read once (test).

Every split is a dictionary {"train": rows, "validation": rows, "test": rows} of row numbers.
"""

import csv
from pathlib import Path

import numpy as np

from utils.errors import InputError

PARTS = ("train", "validation", "test")
EARTH_RADIUS_KM = 6371.0
# Samples closer than this, or linked by others so close, share weather, tide and neighbours.
SITE_DISTANCE_KM = 2.0
DRAWS = 2000  # of which the most even split is taken


def split_samples(samples, spec="auto", *, validation=0.15, test=0.15, seed=0):
    """Return {"train": rows, "validation": rows, "test": rows}, row numbers of the samples.

    spec: which samples go together.
        'site'          whole sites; they are known, or found from the coordinates
        'sample'        single samples, whatever their sites
        'province:A,B'  tests on all sites whose names begin with A_ or B_
        a path          a file of ids, see utils/splits.py
        'auto'          'site' where at least three sites are known, else 'sample'
    validation, test: shares of the sites (or samples). seed: the same seed gives the same parts.
    Raises InputError for shares that leave a part empty, and for what does not fit the samples.
    """
    check_shares(validation, test, seed)
    site = samples.site
    if site is None and samples.lonlat is not None:
        site = sites_from_coordinates(samples.lonlat)
    if spec == "auto":
        spec = "site" if site is not None and len(np.unique(site)) >= 3 else "sample"
    if spec == "sample":
        return split_groups(np.arange(len(samples)), validation, test, seed, what="samples")
    if spec != "site" and not spec.startswith("province:"):
        return split_file(spec, samples.ids, validation, seed)
    if site is None:
        raise InputError(
            f"--split {spec}: the samples have neither sites nor coordinates; "
            "expected --split sample"
        )
    if spec == "site":
        return split_groups(site, validation, test, seed, samples.y)
    provinces = spec.removeprefix("province:").split(",")
    return split_provinces(site, provinces, validation, seed, samples.y)


def check_shares(validation, test, seed):
    """Raise InputError for shares outside 0 to 1, and for a seed that is no whole number."""
    for name, share in {"validation": validation, "test": test}.items():
        if not 0 <= share < 1:  # nan is neither
            raise InputError(f"--{name} {share}: expected a share from 0 to less than 1")
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"--seed {seed}: expected a whole number, 0 or more")


def sites_from_coordinates(lonlat):
    """Group points (N, 2) in degrees that chains of less than 2 km link; returns (N,) names."""
    from sklearn.cluster import DBSCAN  # takes a second to import, and maps never need it

    lonlat = np.asarray(lonlat, float)
    usable = np.isfinite(lonlat) & (np.abs(lonlat) <= (360, 90))
    unusable = ~usable.all(axis=1)
    if unusable.any():
        raise InputError(
            f"coordinates of sample number {unusable.argmax()}: {lonlat[unusable][0]} found; "
            "expected longitude and latitude in degrees, or --split sample"
        )
    distance = SITE_DISTANCE_KM / EARTH_RADIUS_KM  # as an angle
    cluster = DBSCAN(eps=distance, min_samples=1, metric="haversine")
    lat_lon = np.radians(lonlat[:, ::-1])
    return cluster.fit(lat_lon).labels_.astype(str)


def split_groups(group, validation, test, seed, y=None, what="sites"):
    """Split by whole groups: these shares of the groups (N,) become validation and test.

    y: labels (N, T), or None. With labels, many draws are made. The one is taken whose parts are
    most like the whole in their classes and in their numbers of series. Otherwise a class that few
    sites have would often be missing in the validation part or in the test part.
    what: the word for the groups in an error.
    """
    names, number = np.unique(group, return_inverse=True)
    n_test, n_validation = (
        max(1, round(share * len(names))) if share else 0 for share in (test, validation)
    )
    check_numbers(len(names), n_validation, n_test, what)
    random = np.random.default_rng(seed)
    draws = 1 if y is None else DRAWS
    orders = [random.permutation(len(names)) for _ in range(draws)]
    order = orders[0]
    if y is not None:
        content = share_of_groups(number, y)
        order = min(orders, key=lambda each: unlikeness(content, each, n_test, n_validation))
    order = names[order]
    return parts_of(group, order[n_test : n_test + n_validation], order[:n_test])


def check_numbers(count, n_validation, n_test, what):
    """Raise InputError where so many groups of validation and test leave none to train on."""
    least = 1 + (n_validation > 0) + (n_test > 0)
    if count < least:
        other = ", or --split sample" if what == "sites" else ""
        raise InputError(f"split: {count} {what} found; expected at least {least}{other}")
    if n_validation + n_test >= count:
        raise InputError(
            f"split: {n_validation} for validation and {n_test} for the test leave none of "
            f"{count} {what} to train on; expected smaller shares"
        )


def share_of_groups(number, y):
    """Return how much of each class, and of all series, each group holds: (K + 1, groups).

    number (N,): group of each series. y (N, T): labels. Classes that do not occur are left out.
    """
    months = []
    for label in range(y.max() + 1):
        months_of_series = (y == label).sum(axis=1)
        months.append(np.bincount(number, months_of_series))
    content = np.stack([*months, np.bincount(number)])
    content = content[content.sum(axis=1) > 0]
    return content / content.sum(axis=1, keepdims=True)


def unlikeness(content, order, n_test, n_validation):
    """Return how far test and validation of this order of groups are from the whole; 0 = equal."""
    parts = (order[:n_test], order[n_test : n_test + n_validation])
    ratios = [
        content[:, part].sum(axis=1) * content.shape[1] / len(part) for part in parts if len(part)
    ]
    # 0.1: a class that a part lacks counts much, but not infinitely much.
    return np.abs(np.log((np.array(ratios) + 0.1) / 1.1)).sum()


def split_provinces(group, provinces, validation, seed, y=None):
    """Test on all sites whose name begins with one of these prefixes and '_'.

    group (N,): names of the sites. The validation part is drawn from the other sites.
    """
    province = np.array([name.split("_")[0] for name in group])
    unknown = sorted(set(provinces) - set(province))
    if unknown or set(provinces) >= set(province):
        known = ", ".join(sorted(set(province)))
        raise InputError(
            f"--split province:{','.join(provinces)}: expected some, not all, of {known}"
        )
    held_out = np.isin(province, provinces)
    others = group[~held_out]
    rest = split_groups(others, validation, 0, seed, None if y is None else y[~held_out])
    return parts_of(group, np.unique(others[rest["validation"]]), np.unique(group[held_out]))


def split_file(path, ids, validation, seed):
    """Read the parts from a CSV file.

    Two columns, sample and part: every sample once, in train, validation or test. One column: ids
    of the test part; the validation part is drawn from the rest. A line that begins with # is a
    comment. Raises InputError for another form, unknown samples, and samples that are left out.
    """
    rows = read_rows(path, set(ids))
    named = [row[0] for row in rows]
    unknown = sorted(set(named) - set(ids))
    if unknown:
        raise InputError(
            f"{path}: sample {unknown[0]} is not in the data; expected ids such as {ids[0]}"
        )
    if len(rows[0]) == 1:
        test = np.isin(ids, named)
        rest = split_groups(ids[~test], validation, 0, seed, what="samples that are not in it")
        return parts_of(ids, ids[~test][rest["validation"]], ids[test])
    if len(set(named)) < len(named):
        raise InputError(f"{path}: a sample occurs twice; expected every sample once")
    if len(named) < len(ids):
        missing = np.setdiff1d(ids, named)
        raise InputError(
            f"{path}: {len(missing)} of {len(ids)} samples are not in it, the first is "
            f"{missing[0]}; expected every sample once, or a list of the test samples alone"
        )
    part_of_sample = dict(rows)
    part_of = np.array([part_of_sample[name] for name in ids])
    if set(part_of) != set(PARTS):
        raise InputError(
            f"{path}: parts {', '.join(sorted(set(part_of)))} found; expected {', '.join(PARTS)}"
        )
    return {part: np.flatnonzero(part_of == part) for part in PARTS}


def read_rows(path, ids):
    """Return the lines of a split file, without header and comments: lists of one or two cells."""
    if not Path(path).is_file():
        raise InputError(
            f"--split {path}: not found; expected auto, site, sample, province:A,B or a file of ids"
        )
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = [list(map(str.strip, row)) for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected a CSV of samples") from error
    rows = [row for row in rows if row[0] in ids or not row[0].startswith("#")]
    if rows and rows[0] in (["sample", "part"], ["sample"]):
        rows = rows[1:]
    widths = {len(row) for row in rows}
    if not rows or widths not in ({1}, {2}):
        found = f"lines of {sorted(widths)} columns" if rows else "no samples"
        raise InputError(f"{path}: {found} found; expected sample,part or one id a line")
    return rows


def parts_of(group, validation_groups, test_groups):
    """Return the row numbers of the three parts, given the groups of two of them."""
    test = np.isin(group, test_groups)
    validation = np.isin(group, validation_groups)
    rows = {"train": ~test & ~validation, "validation": validation, "test": test}
    return {part: np.flatnonzero(mask) for part, mask in rows.items()}
