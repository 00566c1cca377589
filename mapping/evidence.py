"""What land cover products say of the pixels of a map: more evidence for the joint decoding.

    python map.py city.zarr --product 2020=worldcover_2020.tif

The product says what, the series says when. A network is far too sure of itself on land that it
never saw, so its log probabilities are divided by a temperature. That temperature, and how far each
product is trusted, are those under which the products are the most likely on pixels of the area
itself. Where the network knows the land, the two agree, and it needs no tempering.

The class of the product counts in all months of the product's year, and in the whole segment (by
the network alone) that fills most of that year: an error of the network is one error, however long
it lasts, and must not become a change where the year of the product ends. But a product is one
statement: the longer the months that it speaks of, the less it says of each of them. A change costs
SWITCH_COST, less where the bands break. The labels of all months are then decoded together.
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np

import models
from models.breaks import HALVED_AT
from stacks.absent import with_absent
from stacks.product_legends import read_classes
from stacks.products import ProductReader, find_products, with_lookup
from utils.bands import NO_OBSERVATION
from utils.errors import InputError
from utils.months import calendar_years

# Chosen on the real sets in ../shared/data/real: python benchmarks/product_evidence.py.
SWITCH_COST = 15.0  # nats
YEAR = 12  # months; a product that means longer says less of each of them
# Where too few pixels tell: temperature, and the probability that a product is right in a month.
TEMPERATURE, TRUST = 3.0, 0.8
TEMPERATURES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0, 15.0)
TRUSTS = (0.6, 0.7, 0.8, 0.9, 0.95)
BLOCKS, BLOCK_SIDE = 6, 8  # pixels that tell: so many blocks across and down, of that side
FEWEST = 200  # pixels with a class of a product


@dataclass(frozen=True)
class ProductEvidence:
    """products: of stacks.products, with their lookups; trust (P,): the probability that each
    is right; years (T,): year of each month of the stack; classes: number of the network's.
    """

    products: tuple
    trust: tuple
    years: np.ndarray
    classes: int
    temperature: float = TEMPERATURE

    def read(self, stack, rows, columns):
        """Class ids (N, P) int8 of the pixels of a window, -1 = the product says nothing."""
        with ProductReader(self.products, stack) as reader:
            return reader.read(rows, columns).reshape(len(self.products), -1).T

    def fitted(self, net, stack, trust=None):
        """The same evidence with temperature and trusts as pixels of the stack tell them.

        trust: of all products, where it is not to be estimated. Too few pixels change nothing.
        """
        blocks = [(self.read(stack, *place), stack.read(*place)) for place in places_of(stack)]
        says = np.concatenate([classes for classes, _ in blocks])
        x = np.concatenate([as_series(pixels) for _, pixels in blocks])
        known = (says >= 0).any(axis=1) & (x != NO_OBSERVATION).any(axis=(1, 2))
        if known.sum() < FEWEST:
            return self
        series = with_absent(x[known], stack.bands, net.card["bands"])
        scores = np.log(np.maximum(models.predict(net, series), 1e-6))
        return self.most_likely(scores, says[known], TRUSTS if trust is None else (trust,))

    def most_likely(self, scores, says, trusts=TRUSTS):
        """The same evidence with the temperature and trusts under which `says` is most likely.

        scores: log probabilities (N, K, T) by the network; says (N, P) as `read` gives it.
        """
        opinions = [scores[:, :, self.years == each.year].mean(axis=2) for each in self.products]
        found = []
        for temperature in TEMPERATURES:
            fits = [
                most_likely_trust(opinion / temperature, one, trusts)
                for opinion, one in zip(opinions, says.T)
            ]
            likelihood = sum(each for each, _ in fits)
            found.append((likelihood, temperature, tuple(trust for _, trust in fits)))
        _, temperature, trust = max(found)
        return replace(self, temperature=temperature, trust=trust)

    def of_months(self, says, labels):
        """Log evidence (N, K, T) float32 of what the products say (N, P).

        labels (N, T): of the network alone. A product that is wrong is any other class with the
        same probability. Only the difference between classes counts, so that the most is 0.
        """
        out = np.zeros((len(says), self.classes, len(self.years)), np.float32)
        classes = np.arange(self.classes)[None, :, None]
        for one, product, trust in zip(says.T, self.products, self.trust):
            other = np.float32(np.log((1 - trust) / max(1, self.classes - 1) / trust))
            months = months_meant(labels, self.years == product.year)  # (N, T)
            length = months.sum(axis=1).clip(1)[:, None]
            weight = other * months * np.sqrt(YEAR / length, dtype=np.float32)
            wrong = (classes != one[:, None, None]) & (one >= 0)[:, None, None]  # (N, K, 1)
            out += wrong * weight[:, None]
        return out

    def label(self, net, series, says, *, switch_cost=SWITCH_COST, **how):
        """Labels (N, T), confidence (N, T), probabilities (N, K, T) of series with products.

        says: (N, P) as `read` gives it; how: as `models.label` takes it. The labels by the network
        alone tell the segments that the products speak of.
        """
        return models.label(
            net,
            series,
            probabilities=True,
            evidence=lambda rows, alone: self.of_months(says[rows], alone),
            temperature=self.temperature,
            switch_cost=switch_cost,
            halved_at=HALVED_AT,
            **how,
        )

    def in_words(self, says, legend):
        """'2020 woodland' of each product that says something of a pixel; says (P,)."""
        return [
            f"{product.year} {legend.names[one]}"
            for product, one in zip(self.products, says)
            if one >= 0
        ]

    def settings(self):
        """What config.json says of the products."""
        return [
            {
                "product": product.name,
                "legend": product.legend_name,
                "trust": trust,
                "temperature": self.temperature,
            }
            for product, trust in zip(self.products, self.trust)
        ]


def places_of(stack):
    """Rows and columns of blocks that are spread over a stack."""
    size = [min(BLOCK_SIDE, length) for length in stack.geobox.shape]
    starts = [
        np.unique(np.linspace(0, length - side, BLOCKS).astype(int))
        for length, side in zip(stack.geobox.shape, size)
    ]
    return [
        (slice(top, top + size[0]), slice(left, left + size[1]))
        for top, left in itertools.product(*starts)
    ]


def as_series(pixels):
    """Pixels (T, C, y, x) of a block -> series (N, C, T)."""
    return pixels.reshape(*pixels.shape[:2], -1).transpose(2, 1, 0)


def most_likely_trust(opinion, says, trusts):
    """(log likelihood, trust) of the trust under which a product is the most likely.

    opinion (N, K): log probabilities by the network, up to a constant; says (N,), -1 = nothing.
    """
    rows = np.flatnonzero(says >= 0)
    if len(rows) == 0:
        return 0.0, trusts[0]
    opinion, says = opinion[rows], says[rows]
    share = np.exp(opinion - opinion.max(axis=1, keepdims=True))
    said = np.take_along_axis(share, says[:, None], axis=1)[:, 0]
    right = said / share.sum(axis=1)
    wrong = (1 - right) / max(1, share.shape[1] - 1)  # it says one of the other classes
    found = []
    for trust in trusts:
        likelihood = np.log(trust * right + (1 - trust) * wrong)
        found.append((likelihood.sum(), trust))
    return max(found)


def months_meant(labels, year):
    """Months that a product speaks of: those of its year, and the segment that fills most of it.

    labels (N, T) of the network alone; year (T,) bool. Returns (N, T) bool.
    """
    changes = labels[:, 1:] != labels[:, :-1]
    begun = np.cumsum(changes, axis=1)
    segment = np.pad(begun, ((0, 0), (1, 0)))  # (N, T) number of the segment
    months = segment[:, :, None] == segment[:, None, year]  # (N, T, months of the year)
    share = months[:, year].sum(axis=1)  # (N, months of the year) how long each one's segment is
    most = share.argmax(axis=1)
    filled = np.take_along_axis(months, most[:, None, None], axis=2)
    return year | filled[:, :, 0]


def find_evidence(
    products, stack, legend, *, product_legend=None, classes=None, trust=None, temperature=None
):
    """ProductEvidence of [(year, path), ...] for a stack and the legend of a network, or None.

    product_legend: name of a known legend; classes: a table value,class instead; trust: the
    probability that a product is right. Raises InputError where a product cannot be used.
    """
    if not products:
        return None
    given = read_classes(classes) if classes else product_legend
    found = []
    for product, known in find_products(products, stack, legend=given):
        names = {name for name in known.codes.values() if name}
        if not names & set(legend.names):
            raise InputError(
                f"{product.path}: classes {', '.join(sorted(names))} found; expected some of the "
                f"network's, {', '.join(legend.names)}"
            )
        codes = {code: name if name in legend.names else None for code, name in known.codes.items()}
        found.append(with_lookup(product, replace(known, codes=codes), legend))
    years = calendar_years(stack.months)
    trusts = (TRUST if trust is None else trust,) * len(found)
    return ProductEvidence(tuple(found), trusts, years, len(legend), temperature or TEMPERATURE)
