"""Which samples train, which choose the epoch, which are the test: the policy of a run.

- `split` decides how samples are divided (see data_loader.split_samples): by default whole sites.
- `test_data` gives other samples for the test. No test part is then cut from `data`.
- The validation part is drawn as the test is. Where the test samples come from sites that train
  too, validation series come from all sites as well; else validation holds out whole sites.
"""

from dataclasses import dataclass, replace

import numpy as np

from data_loader import Samples, load_samples, split_samples
from utils.errors import InputError
from utils.legend import COAST, URBAN, Legend, legend_for
from utils.splits import sites_from_coordinates

LEGENDS = {"urban": URBAN, "coast": COAST}
OF_SITES, OF_SERIES = 0.15, 0.1  # usual shares of the validation part


@dataclass(frozen=True)
class Source:
    """The samples of a run and how they are divided: the data flags of run.py, which say more."""

    data: str
    first_month: str | None = None
    legend: str | None = None  # urban, coast, or class names with commas
    bands: tuple | None = None
    classes: tuple | None = None
    split: str = "auto"
    validation: float | None = None  # None: OF_SITES or OF_SERIES
    test: float = 0.15
    test_data: str | None = None
    limit: int = 0


@dataclass(frozen=True)
class Parts:
    """The samples of a run. rows: row numbers in `samples` of each part that was cut from it."""

    samples: Samples
    train: Samples
    validation: Samples
    test: Samples
    rows: dict
    source: Source  # with the share of the validation part that was taken

    def ids(self):
        """Names of the samples in each part: {"train", "validation", "test"}, lists of str."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part.ids.tolist() for name, part in parts.items()}

    def series(self):
        """Number of series in each part."""
        return {name: len(ids) for name, ids in self.ids().items()}

    def copies(self):
        """Number of series of the test part that are in the training part too, value for value.

        Their scores are those of series the network knows.
        """
        known = {series.tobytes() for series in self.train.x}
        return sum(series.tobytes() in known for series in self.test.x)


def load_parts(source, seed):
    """Read the samples of a Source and divide them; returns Parts.

    Raises InputError for what cannot be read, does not fit together, or leaves a part empty.
    """
    samples, test = load_data(source)
    known_sites = source.split == "auto" and test is not None and share_sites(samples, test)
    if source.validation is None:
        source = replace(source, validation=OF_SERIES if known_sites else OF_SITES)
    rows = split_samples(
        samples,
        "sample" if known_sites else source.split,
        validation=source.validation,
        test=source.test if test is None else 0,
        seed=seed,
    )
    if source.limit:
        drawn = np.random.default_rng(seed).permutation(rows["train"])[: source.limit]
        rows["train"] = np.sort(drawn)
    if test is None:
        test = samples.take(rows["test"])
    train, validation = samples.take(rows["train"]), samples.take(rows["validation"])
    refuse_unlabelled({"train": train, "validation": validation, "test": test}, source)
    return Parts(samples, train, validation, test, rows, source)


def load_data(source):
    """Return the Samples of `data`, and those of `test_data` or None."""
    same = {
        "first_month": source.first_month,
        "bands": source.bands,
        "classes": source.classes,
    }
    legend = legend_named(source.legend)
    samples = load_samples(source.data, legend=legend, **same)
    if not source.test_data:
        return samples, None
    if source.split not in ("auto", "site", "sample"):
        raise InputError(
            f"--split {source.split}: names a test part; "
            "expected auto, site or sample with --test-data"
        )
    test = load_samples(source.test_data, legend=legend or samples.legend, **same)
    if (test.bands, test.legend.names) != (samples.bands, samples.legend.names):
        raise InputError(
            f"{source.test_data}: bands or classes {test.legend.names} found; expected those of "
            f"{source.data}, {samples.legend.names}"
        )
    return samples, test


def legend_named(name):
    """Return the Legend called urban or coast, or one of class names with commas; None stays."""
    if name is None or isinstance(name, Legend):
        return name
    return LEGENDS.get(name) or legend_for([part.strip() for part in name.split(",")])


def share_sites(samples, others):
    """Whether two sets of samples have a site in common.

    Sites are compared by their names, or by coordinates where one of the two has no names.
    """
    if samples.site is not None and others.site is not None:
        return bool(np.isin(others.site, samples.site).any())
    if samples.lonlat is None or others.lonlat is None:
        return False
    site = sites_from_coordinates(np.concatenate([samples.lonlat, others.lonlat]))
    return bool(np.isin(site[len(samples) :], site[: len(samples)]).any())


def refuse_unlabelled(parts, source):
    """Raise InputError for a part without any label."""
    for name, part in parts.items():
        if not (part.y >= 0).any():
            path = source.test_data if name == "test" and source.test_data else source.data
            raise InputError(
                f"{path}: the {name} part has no labelled series; expected some (see --split)"
            )
