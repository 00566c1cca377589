"""What land cover products say of the pixels of a map: more evidence for the joint decoding.

    python map.py city.zarr --product 2020=worldcover_2020.tif

The product says what, the series says when. A network is far too sure of itself on land that it
never saw, so its log probabilities are divided by a temperature. The class of the product counts in
all months of the product's year, and in the whole segment (by the network alone) that fills most
of that year: an error of the network is one error, however long it lasts, and must not become a
change where the year of the product ends. A change costs at least SWITCH_COST. The labels of all
months are then decoded together.
"""

import copy
from dataclasses import dataclass, replace

import numpy as np

import models
from labelling.legends import read_classes
from labelling.products import ProductReader, find_products, with_lookup
from utils.errors import InputError
from utils.months import calendar_years

# Chosen together on the real sets in ../shared/data/real with products of which 20 and 30 % are
# wrong: python benchmarks/product_evidence.py.
TEMPERATURE = 3.0
SWITCH_COST = 3.0  # nats
TRUST = 0.8  # probability that a product is right in a month


@dataclass(frozen=True)
class ProductEvidence:
    """products: of labelling.products, with their lookups; trust (P,): the probability that each
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
            wrong = (classes != one[:, None, None]) & (one >= 0)[:, None, None]  # (N, K, 1)
            out += other * (wrong & months[:, None])
        return out

    def label(self, net, series, says, **how):
        """Labels (N, T), confidence (N, T), probabilities (N, K, T) of series with products.

        says: (N, P) as `read` gives it; how: as `models.label` takes it. The network labels twice:
        by itself, which tells the segments that the products speak of, and with the products.
        """
        alone, _ = models.label(net, series, **how)
        cautious = copy.copy(net)
        cost = max(SWITCH_COST, net.card.get("switch_cost", 0))
        cautious.card = net.card | {"switch_cost": cost}
        return models.label(
            cautious,
            series,
            probabilities=True,
            evidence=self.of_months(says, alone),
            temperature=self.temperature,
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


def months_meant(labels, year):
    """Months that a product speaks of: those of its year, and the segment that fills most of it.

    labels (N, T) of the network alone; year (T,) bool. Returns (N, T) bool.
    """
    changes = labels[:, 1:] != labels[:, :-1]
    segment = np.pad(np.cumsum(changes, axis=1), ((0, 0), (1, 0)))  # (N, T) number of the segment
    months = segment[:, :, None] == segment[:, None, year]  # (N, T, months of the year)
    share = months[:, year].sum(axis=1)  # (N, months of the year) how long each one's segment is
    most = share.argmax(axis=1)
    return year | np.take_along_axis(months, most[:, None, None], axis=2)[:, :, 0]


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
