"""What the user asks for: area, months, scenes and how they become a stack."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from compositing import grid, store
from compositing.monthly import BUFFER, MASKED
from compositing.resampling import RESAMPLING
from compositing.windows import METHODS
from utils.errors import InputError

# What decides the pixels beside the scenes. It is kept in the stack, for the months added later.
SETTINGS = {
    "mask": MASKED,
    "cloud_buffer": BUFFER,
    "resampling": "bilinear",
    "method": "median",
}
CATALOGUE = "planetary-computer"


@dataclass(frozen=True)
class Request:
    """What decides the pixels of a stack. An interrupted run goes on only with the same."""

    bbox: tuple | None = None
    area: str | None = None
    like: str | None = None
    months: str | None = None
    extend: str | None = None
    catalog: str | None = None
    collection: str | None = None
    mask: tuple | None = None
    cloud_buffer: int | None = None
    resampling: str | None = None
    method: str | None = None

    @property
    def settings(self):
        """The SETTINGS of this request."""
        return {name: getattr(self, name) for name in SETTINGS}

    @property
    def geobox(self):
        """The grid that is asked for; raises InputError."""
        if self.like is not None:
            return grid.geobox_of_raster(self.like)
        if self.area is not None:
            return grid.geobox_of_bbox(grid.bbox_of_file(self.area))
        text = ",".join(f"{v:g}" for v in self.bbox)
        return grid.geobox_of_bbox(grid.checked_bbox(self.bbox, f"--bbox {text}"))


@dataclass(frozen=True)
class Way:
    """How the work is done; none of it changes a pixel. See `composite`."""

    allow_missing: int = 3
    workers: int = 0
    scheduler: str | None = None
    window: int = 1024  # pixels: 4 x 4 chunks
    retries: int = 5
    pause: float = 1
    timeout: float = 30
    yes: bool = False

    @property
    def pauses(self):
        """Seconds before each further try of a file."""
        return tuple(self.pause * 2**i for i in range(self.retries))


def request_of(choices):
    """(Request, Way) of what `composite` was given; raises InputError for what does not fit."""
    known = Request.__dataclass_fields__.keys() | Way.__dataclass_fields__.keys()
    if unknown := choices.keys() - known:
        raise TypeError(f"composite: unknown arguments {', '.join(sorted(unknown))}")
    choices = {name: plain(value) for name, value in choices.items()}
    request = made_of(Request, choices)
    way = made_of(Way, choices)
    check(request, way)
    return request, way


def made_of(kind, choices):
    """A Request or Way of the choices that are fields of it."""
    fields = kind.__dataclass_fields__
    return kind(**{name: value for name, value in choices.items() if name in fields})


def plain(value):
    """A choice as JSON holds it, so that it can be compared with that of an interrupted run."""
    if isinstance(value, Path):
        return str(value)
    return [v.item() if hasattr(v, "item") else v for v in value] if is_many(value) else value


def is_many(value):
    return isinstance(value, (tuple, list, set, np.ndarray))


def check(request, way):
    """Raise InputError for choices that do not go together."""
    places = [v for v in (request.bbox, request.area, request.like) if v is not None]
    if request.extend and (places or request.months):
        raise InputError("--extend: found with an area or --months; the stack knows both")
    if not request.extend and (len(places) != 1 or not request.months):
        raise InputError("expected one of --bbox, --area, --like, and with it --months A:B")
    if request.bbox is not None and len(request.bbox) != 4:
        raise InputError(f"--bbox: {len(request.bbox)} numbers found; expected W,S,E,N")
    for value, allowed, name in (
        (request.method, METHODS, "--method"),
        (request.resampling, RESAMPLING, "--resampling"),
    ):
        if value not in (None, *allowed):
            raise InputError(f"{name} {value}: expected {' or '.join(allowed)}")
    if way.window % store.CHUNK or way.window < store.CHUNK:
        raise InputError(f"--window {way.window}: expected a multiple of {store.CHUNK}")


def completed(request, settings, catalogue):
    """The request with all that was not given: from the stack that is extended, else the defaults.

    settings: those of the stack, None for a new one; catalogue: of the stack's last scenes.
    Raises InputError where the request asks for other settings than the stack's.
    """
    usual = SETTINGS if settings is None else settings
    given = {name: value for name, value in request.settings.items() if value is not None}
    given = {name: sorted(v) if name == "mask" else v for name, v in given.items()}
    for name, value in given.items():
        if settings is not None and value != settings[name]:
            raise InputError(
                f"--{name.replace('_', '-')} {value}: the stack to extend was made with "
                f"{settings[name]}; expected the same"
            )
    full = {name: list(v) if is_many(v) else v for name, v in (usual | given).items()}
    return replace(request, catalog=request.catalog or catalogue or CATALOGUE, **full)


def parse_month(text):
    """datetime64[M] of 'YYYY-MM'; raises InputError."""
    try:
        if len(text) != 7:
            raise ValueError
        return np.datetime64(text, "M")
    except ValueError:
        raise InputError(f"month '{text}' found; expected YYYY-MM") from None


def parse_months(text):
    """All months of 'YYYY-MM:YYYY-MM', both included; raises InputError."""
    first, colon, last = str(text).partition(":")
    first, last = parse_month(first), parse_month(last if colon else first)
    if last < first:
        raise InputError(f"--months {text}: expected the first month before the last")
    return np.arange(first, last + 1)


def months_after(old, text):
    """Months after those of a stack up to 'YYYY-MM', included; raises InputError."""
    last = parse_month(text)
    if last <= old[-1]:
        raise InputError(f"--extend {text}: the stack goes to {old[-1]}; expected a later month")
    return np.arange(old[-1] + 1, last + 1)
