"""Land cover classes: ids, names and colours, defined once for each data set."""

from dataclasses import dataclass, replace

import numpy as np

from utils.errors import InputError


@dataclass(frozen=True)
class Legend:
    """Classes of one data set; a class id is its position in `names`. Colours are '#rrggbb'."""

    names: tuple[str, ...]
    colours: tuple[str, ...]

    def __len__(self):
        return len(self.names)


URBAN = Legend(
    ("water", "woodland", "grassland", "bare soil", "impervious surface", "cropland"),
    ("#3b7dd8", "#1b6e36", "#9ccf6b", "#b98a5a", "#c8385a", "#f2c84b"),
)
COAST = Legend(
    ("Spartina alterniflora", "Tidal flat", "Open water", "Herbicide-treated", "Other vegetation"),
    ("#2e9e4f", "#c9a66b", "#3b7dd8", "#d9457a", "#8a63b8"),
)
OTHER_CLASS, OTHER_COLOUR = "other", "#9a9a9a"
# Okabe & Ito (2008), distinct for colour-blind readers, for classes that no legend above knows.
SPARE_COLOURS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#f0e442",
    "#000000",
)


def rgb(colour):
    """'#rrggbb' -> three whole numbers from 0 to 255."""
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def legend_for(names):
    """Return the Legend of these class names: known names keep their colours, others get new ones.

    Raises InputError for a name that occurs twice.
    """
    names = tuple(str(name) for name in names)
    if len(set(names)) != len(names):
        raise InputError(f"legend: class names {names} are not unique")
    known = {OTHER_CLASS: OTHER_COLOUR}
    for legend in (COAST, URBAN):
        known.update(zip(legend.names, legend.colours))
    used = {known.get(name) for name in names}
    spare = [colour for colour in SPARE_COLOURS if colour not in used]
    colours = [known.get(name) or spare[i % len(spare)] for i, name in enumerate(names)]
    return Legend(names, tuple(colours))


def merge_classes(legend, chosen):
    """Keep the chosen classes and merge the rest into 'other'.

    chosen: class names of `legend`. Returns (Legend, new_id list of len(legend)): old id -> new id.
    Raises InputError for a name the legend lacks.
    """
    unknown = [name for name in chosen if name not in legend.names]
    if unknown:
        raise InputError(
            f"--classes: {', '.join(unknown)} not in the legend; it has {', '.join(legend.names)}"
        )
    rest = [name for name in legend.names if name not in chosen]
    names = tuple(chosen) + ((OTHER_CLASS,) if rest else ())
    other = len(chosen)
    new_id = [names.index(name) if name in chosen else other for name in legend.names]
    return legend_for(names), new_id


def select_classes(samples, chosen):
    """Return Samples that keep the chosen classes; all others become 'other'."""
    legend, new_id = merge_classes(samples.legend, tuple(chosen))
    lookup = np.array([*new_id, -1], np.int8)  # the last entry serves label -1
    return replace(samples, y=lookup[samples.y], legend=legend)
