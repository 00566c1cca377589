"""Methods to compare the networks with, one face for all.

    method = build("ccdc", seed=0).fit(train, validation)      # Samples; validation chooses the settings
    labels = method.predict(test)                              # (N, T) int8: every month of every series
    method.reasons                                             # (N,) str: why a series had less to go by, '' = fine

A series without any observation takes the most common class of the training part.
"""

from comparing.methods.bfast import BFAST
from comparing.methods.bfast_monitor import BFASTMonitor
from comparing.methods.ccdc import CCDC
from comparing.methods.forest import MonthForest
from utils.errors import InputError

BASELINES = {
    "ccdc": CCDC,
    "bfast": BFAST,
    "bfast_monitor": BFASTMonitor,
    "forest": MonthForest,
    "forest_filter": lambda **settings: MonthForest(filter_width=3, **settings),
}


def build(name, **settings):
    """Return a new method. Raises InputError for a name that is not in BASELINES, or for what it
    needs and lacks.
    """
    if name not in BASELINES:
        raise InputError(f"method {name}: not known; expected one of {', '.join(BASELINES)}")
    return BASELINES[name](**settings)
