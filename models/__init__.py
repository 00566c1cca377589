"""The networks: build one by name, save it, load it, label series with it.

net = build("fcn", bands=BANDS, legend=URBAN)   # net(x): (B, C, T) reflectance x 10^4 -> (B, K, T)
save("model_data/mine.safetensors", net, training={...})
net = load("model_data/mine.safetensors")
labels, confidence = label(net, x)              # (N, T) int8, (N, T) float32
"""

from models.build import NETWORKS, build, count_parameters
from models.label import as_tensor, fastest_precision, label, predict
from models.weights import load, save

__all__ = [
    "NETWORKS",
    "as_tensor",
    "build",
    "count_parameters",
    "fastest_precision",
    "label",
    "load",
    "predict",
    "save",
]
