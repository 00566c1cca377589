"""Build a network by name. To add a network: write its file, and give it a line in NETWORKS."""

import inspect

from models.deeplab import DeepLab
from models.fcn import FCN
from models.patchnet import PatchNet
from models.transformer import Transformer
from models.unet import UNet
from utils.errors import InputError

NETWORKS = {
    "patchnet": PatchNet,
    "fcn": FCN,
    "unet": UNet,
    "deeplab": DeepLab,
    "transformer": Transformer,
}
# of the weights file; raised when a network computes otherwise than older files expect  # of the
# weights file; raised when a network computes otherwise than older files expect
VERSION = 2
READABLE_FROM = {
    "patchnet": 2
    # the first version that fits the network as it is now, where not 1  # the first version that fits
    # the network as it is now, where not 1
}


def build(name, *, bands, legend, **arguments):
    """Return a new network with a `card` that says what it is. Raises InputError for a name that is
    not in NETWORKS.
    """
    if name not in NETWORKS:
        raise InputError(f"--model {name}: not known; expected one of {', '.join(NETWORKS)}")
    defaults = {
        key: each.default for key, each in inspect.signature(NETWORKS[name]).parameters.items()
    }
    arguments = {
        key: value for key, value in defaults.items() if value is not inspect.Parameter.empty
    } | arguments
    net = NETWORKS[name](len(bands), len(legend), **arguments)
    net.card = {
        "version": VERSION,
        "network": name,
        "arguments": arguments,
        "bands": tuple(bands),
        "legend": legend,
    }
    return net


def count_parameters(net):
    """Return the number of trained parameters."""
    return sum(parameter.numel() for parameter in net.parameters())
