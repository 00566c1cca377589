"""Which samples train, which choose (validation), which are read once (test)."""

from pathlib import Path

import numpy as np
import pandas as pd

from utils.errors import InputError

EARTH_RADIUS_KM = 6371.0
DRAWS = 2000  # of which the most even split is taken
SITE_DISTANCE_KM = (
    2.0  # samples closer than this, or linked by such, share weather, tide and neighbours: one site
)


def sites_from_coordinates(lonlat):
    """Group points (N, 2) in degrees that chains of less than 2 km link; returns (N,) names."""
    from sklearn.cluster import (
        DBSCAN,
    )  # here, as it takes a second to import and maps never need it

    radians = np.radians(np.asarray(lonlat)[:, ::-1])
    cluster = DBSCAN(eps=SITE_DISTANCE_KM / EARTH_RADIUS_KM, min_samples=1, metric="haversine").fit(
        radians
    )
    return cluster.labels_.astype(str)


def split_groups(group, validation, test, seed, y=None):
    """Split by whole groups: these shares of the groups.

    Of several draws with the seed, the one whose parts resemble the whole most in their classes and
    their numbers of series: a class that few sites have would else often be missing where the epoch
    is chosen or the test is read. y: labels (N, T), which decide between the draws; without them
    the first draw is taken.
    """
    names, number = np.unique(group, return_inverse=True)
    n_test, n_validation = (
        max(1, round(share * len(names))) if share else 0 for share in (test, validation)
    )
    if n_test + n_validation >= len(names):
        raise InputError(f"split: {len(names)} sites found; expected at least 3, or --split sample")
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(names)) for _ in range(1 if y is None else DRAWS)]
    if y is not None:
        content = np.stack(
            [np.bincount(number, (y == k).sum(1)) for k in range(y.max() + 1)]
            + [np.bincount(number)]
        )
        content = content[content.sum(1) > 0] / content[content.sum(1) > 0].sum(
            1, keepdims=True
        )  # (K + 1, groups)

        def unlike(order):
            parts = [
                part
                for part in (order[:n_test], order[n_test : n_test + n_validation])
                if len(part)
            ]
            ratios = [content[:, part].sum(1) * len(names) / len(part) for part in parts]
            return np.abs(
                np.log((np.array(ratios) + 0.1) / 1.1)
            ).sum()  # 0.1: a class that is missing counts much

        orders.sort(key=unlike)
    order = names[orders[0]]
    return parts_of(group, order[n_test : n_test + n_validation], order[:n_test])


def split_provinces(group, provinces, validation, seed, y=None):
    """Test on all sites whose name begins with one of these prefixes and '_'; validation from the
    others.
    """
    province = np.array([name.split("_")[0] for name in group])
    unknown = sorted(set(provinces) - set(province))
    if unknown or set(provinces) >= set(province):
        known = ", ".join(sorted(set(province)))
        raise InputError(
            f"--split province:{','.join(provinces)}: expected some, not all, of {known}"
        )
    held_out = np.isin(province, provinces)
    rest = split_groups(group[~held_out], validation, 0, seed, None if y is None else y[~held_out])
    chosen = np.unique(group[~held_out][rest["validation"]])
    return parts_of(group, chosen, np.unique(group[held_out]))


def split_file(path, ids, validation, seed):
    """Read a CSV with columns sample, part (train, validation, test), or a list of ids, one a line:
    the test part.
    """
    if not Path(path).is_file():
        raise InputError(
            f"--split {path}: not found; expected auto, site, sample, province:A,B or a file of ids"
        )
    table = pd.read_csv(path, header=None, dtype=str, comment="#")
    if list(table.iloc[0]) == ["sample", "part"]:
        table = table.iloc[1:]
    unknown = sorted(set(table[0]) - set(ids))
    if unknown:
        raise InputError(
            f"{path}: sample {unknown[0]} is not in the data; expected ids such as {ids[0]}"
        )
    if table.shape[1] == 1:
        test = np.isin(ids, table[0])
        rest = split_groups(ids[~test], validation, 0, seed)
        return parts_of(ids, ids[~test][rest["validation"]], ids[test])
    parts = ("train", "validation", "test")
    named = {part: np.flatnonzero(np.isin(ids, table.loc[table[1] == part, 0])) for part in parts}
    if (
        table[0].duplicated().any()
        or not set(table[1]) <= set(parts)
        or any(len(rows) == 0 for rows in named.values())
    ):
        raise InputError(
            f"{path}: expected every sample once, in part train, validation or test, and no part empty"
        )
    return named


def parts_of(group, validation_groups, test_groups):
    """Row numbers of the three parts, given the groups of two of them."""
    test, validation = np.isin(group, test_groups), np.isin(group, validation_groups)
    rows = {"train": ~test & ~validation, "validation": validation, "test": test}
    return {part: np.flatnonzero(mask) for part, mask in rows.items()}
