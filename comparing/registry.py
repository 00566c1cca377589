"""The methods of a comparison by name.

To add a method: write its file in comparing/methods/, and give it a line in METHODS. A method is
imported only when it is used, so that nobody needs the packages of the others. The kept results of
the other methods do not depend on this file.
"""

from importlib import import_module

import models
from comparing.network import PAPER, Network
from utils.errors import InputError

METHODS = {
    "ccdc": "comparing.methods.ccdc.CCDC",
    "sccd": "comparing.methods.sccd.SCCD",
    "bfast": "comparing.methods.bfast.BFAST",
    "bfast_monitor": "comparing.methods.bfast_monitor.BFASTMonitor",
    "forest": "comparing.methods.forest.MonthForest",
    "forest_filter": "comparing.methods.forest.FilteredForest",
}
NETWORK_MODULE = Network.__module__


def known():
    """Names of all methods and networks; the published recipe for the published network only."""
    return [*METHODS, *models.NETWORKS, "fcn" + PAPER]


def module_of(name):
    """Name of the module that holds the code of a method."""
    return METHODS[name].rpartition(".")[0] if name in METHODS else NETWORK_MODULE


def build(name, **settings):
    """Return a new method, not yet trained.

    settings: of the method, `seed` among them. Raises InputError for a name that is not known, or
    for a package that the method needs and that is not installed.
    """
    if name not in known():
        raise InputError(f"--methods {name}: not known; expected {', '.join(known())}")
    if name not in METHODS:
        return Network(name, **settings)
    module, _, class_name = METHODS[name].rpartition(".")
    try:
        return getattr(import_module(module), class_name)(**settings)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{name}: {error.name} not installed; "
            "expected pip install -r comparing/requirements.txt"
        ) from error
