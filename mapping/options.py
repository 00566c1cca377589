"""What a user may say of a map: every option of `mapping.pipeline.make_map`, with its default."""

from dataclasses import dataclass

from mapping.thinned import CURVES


@dataclass(frozen=True, kw_only=True)
class MapOptions:
    """The options of a map; map.py has a flag for each."""

    # How the stack is read, as `stacks.stack.open_stack` takes it.
    first_month: str | None = None
    scale: float | None = None
    offset: str = "none"
    nodata: tuple = ()

    # What the map shows.
    adapt: bool = False  # fit the weights to series of the stack first, without labels
    min_months: int | None = None  # with an observation that a pixel needs; None: a quarter of all
    filter_width: int = 1  # of a spatial majority filter, pixels, odd
    probabilities: bool = False  # write the mean probability of each class in each year too
    mmu: float = 0.0  # hectares of the smallest change event in changes.gpkg

    # Land cover products that are decoded with the network, as `mapping.evidence` takes them.
    products: tuple = ()  # (year, path) of each
    product_legend: str | None = None
    product_classes: str | None = None
    product_trust: float | None = None

    # The page to look at the map with.
    page: bool = True  # write index.html
    curves: int = CURVES  # pixels whose reflectance curves are in it

    # How the work is done.
    device: str = "cpu"
    precision: str = "auto"  # float32, bfloat16, or auto: the faster of the two here
    window: int | None = None  # side of the windows, pixels; None: by the chunks of the stack
    workers: int = 0  # Dask processes on this machine
    scheduler: str | None = None  # address of a Dask cluster instead
    resume: bool = False  # where the folder holds an unfinished map: go on with it
    overwrite: bool = False  # where it holds a map: start over

    def reading(self):
        """Arguments of `stacks.stack.open_stack`."""
        return {name: getattr(self, name) for name in ("first_month", "scale", "offset", "nodata")}

    def of_products(self):
        """Arguments of `mapping.evidence.find_evidence`."""
        return {
            "product_legend": self.product_legend,
            "classes": self.product_classes,
            "trust": self.product_trust,
        }
