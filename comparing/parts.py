"""Which series a cell trains on, chooses on, and tests on."""

import numpy as np

from data_loader import split_samples
from utils.errors import InputError
from utils.splits import split_groups

TEST_AT_MOST = 10_000  # series of each group in a transfer test; more cost time and tell no more
FEWEST_VALIDATION = 20  # series, where the training part is cut
GROUPS = 6  # of sites without provinces


def parts_for(cell, samples):
    """Row numbers of the three parts: dict of train, validation, test.

    Where the training part is cut to a size, the validation part is cut to a quarter of that size
    (20 series at least). The test part stays as it is.
    """
    if cell.train_group:
        parts = transfer_parts(cell, samples)
    else:
        parts = dict(split_samples(samples, cell.split, seed=cell.split_seed))
    if cell.train_size:
        random = np.random.default_rng([cell.split_seed, cell.seed])
        validation_size = max(FEWEST_VALIDATION, cell.train_size // 4)
        for part, size in (("train", cell.train_size), ("validation", validation_size)):
            parts[part] = np.sort(random.permutation(parts[part])[:size])
    return parts


def transfer_parts(cell, samples):
    """Parts that train on one group of sites and test on the others, `TEST_AT_MOST` series each."""
    group = site_groups(samples)
    inside = np.flatnonzero(group == cell.train_group)
    sites = samples.site[inside]
    if len(np.unique(sites)) >= 3:
        split = split_groups(sites, 0.15, 0, cell.split_seed, samples.y[inside])
    else:  # too few sites to hold one out
        split = split_groups(samples.ids[inside], 0.15, 0, cell.split_seed, None)
    random = np.random.default_rng(cell.split_seed)
    test = []
    for other in np.unique(group[group != cell.train_group]):
        rows = np.flatnonzero(group == other)
        if len(rows) > TEST_AT_MOST:
            rows = random.choice(rows, TEST_AT_MOST, replace=False)
        test.append(rows)
    return {
        "train": inside[split["train"]],
        "validation": inside[split["validation"]],
        "test": np.sort(np.concatenate(test)),
    }


def site_groups(samples, most=12):
    """Group of each sample, to train on one group and test on the others: (N,) str.

    The part of the site's name before '_' (a province) where that makes 2 to `most` groups.
    Otherwise six groups of sites from west to east, or in order of name where coordinates are not
    known. Raises InputError where the samples have no sites, or one only.
    """
    if samples.site is None:
        raise InputError("--study transfer: the samples have no sites; expected a `site` for each")
    prefix = np.array([name.split("_")[0] for name in samples.site])
    if 2 <= len(np.unique(prefix)) <= most:
        return prefix
    names, site = np.unique(samples.site, return_inverse=True)
    if len(names) < 2:
        raise InputError("--study transfer: one site found; expected at least two")
    order = np.arange(len(names))
    if samples.lonlat is not None:
        total = np.bincount(site, samples.lonlat[:, 0])
        longitude = total / np.bincount(site)
        order = np.argsort(longitude)
    group = np.empty(len(names), int)
    groups = min(GROUPS, len(names))
    group[order] = np.arange(len(names)) * groups // len(names)
    called = np.array([f"group {number + 1}" for number in group])
    return called[site]
