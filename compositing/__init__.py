"""An area and months -> a monthly stack of Sentinel-2 composites. What stands behind composite.py.

from compositing import composite
composite("city.zarr", bbox=(112.90, 28.05, 113.05, 28.20), months="2019-01:2024-12")
"""

from compositing.pipeline import composite

__all__ = ["composite"]
