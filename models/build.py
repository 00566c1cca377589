"""Build a network by name. To add a network: write its file, and give it a line in NETWORKS."""

import inspect

from models.deeplab import DeepLab
from models.fcn import FCN
from models.patchnet import LargePatchNet, PatchNet
from models.transformer import Transformer
from models.unet import UNet
from utils.errors import InputError

NETWORKS = {
    "patchnet": PatchNet,
    "patchnet_large": LargePatchNet,
    "fcn": FCN,
    "unet": UNet,
    "deeplab": DeepLab,
    "transformer": Transformer,
}
# Of the weights file. It is raised when a network computes otherwise than older files expect.
VERSION = 2
# The first version that fits the network as it is now, where that is not 1.
READABLE_FROM = {"patchnet": 2}


def build(name, *, bands, legend, **arguments):
    """Return a new network with a `card` that says what it is.

    bands: their names, in the order of the series; legend: a Legend. arguments: of the network's
    class; the others are as its class says, and all go into the card. Raises InputError for a name
    that is not in NETWORKS.
    """
    network = network_class(name)
    arguments = defaults_of(network) | arguments
    net = network(len(bands), len(legend), **arguments)
    net.card = {
        "version": VERSION,
        "network": name,
        "arguments": arguments,
        "bands": tuple(bands),
        "legend": legend,
    }
    return net


def network_class(name):
    """Return the class of a network; raises InputError for a name that is not in NETWORKS."""
    if name not in NETWORKS:
        raise InputError(f"--model {name}: not known; expected one of {', '.join(NETWORKS)}")
    return NETWORKS[name]


def defaults_of(network):
    """Return the arguments of a network's class that have a default, with that default.

    A weights file keeps them, so that it still loads where a default is changed later.
    """
    parameters = inspect.signature(network).parameters.values()
    known = [each for each in parameters if each.default is not inspect.Parameter.empty]
    return {each.name: each.default for each in known}


def count_parameters(net):
    """Return the number of trained parameters."""
    return sum(parameter.numel() for parameter in net.parameters())
