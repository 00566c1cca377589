"""Random forest on single months: what there is without the series, and with no more of it than a
majority filter.
"""

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from comparing.methods.segments import filled, most_common_class, without_observation
from comparing.methods.selection import as_grid, choose
from utils.changes import majority_filter


class MonthForest:
    """Each month classed by its own reflectance alone (Breiman 2001).

    A month without observation takes the reflectance interpolated from its neighbours; a series
    without any takes the most common class. smallest_leaf: months, a tuple holds candidates for the
    validation part. most_months: drawn from the training series. filter_width: of the majority
    filter over the labels, months; 1 = none.
    """

    def __init__(
        self,
        *,
        smallest_leaf=(1, 5, 20, 50),
        filter_width=1,
        trees=200,
        most_months=100_000,
        seed=0,
    ):
        self.grid = as_grid(smallest_leaf=smallest_leaf)
        self.filter_width, self.trees, self.most_months, self.seed = (
            filter_width,
            trees,
            most_months,
            seed,
        )
        self.setting, self.tried, self.reasons = None, [], None

    def fit(self, train, validation=None):
        """Choose the leaf size on `validation`, then learn from the labelled months of `train`;
        returns self.
        """
        self.setting, self.tried = choose(self._one, self.grid, train, validation, seed=self.seed)
        self.common = most_common_class(train.y)
        series, month = np.nonzero(train.y >= 0)
        if len(series) > self.most_months:
            drawn = np.random.default_rng(self.seed).choice(
                len(series), self.most_months, replace=False
            )
            series, month = series[drawn], month[drawn]
        self.forest = RandomForestClassifier(
            self.trees,
            min_samples_leaf=self.setting["smallest_leaf"],
            n_jobs=1,
            random_state=self.seed,
        )
        self.forest.fit(filled(train.x)[series, :, month], train.y[series, month])
        return self

    def _one(self, **setting):
        return type(self)(
            **setting,
            filter_width=self.filter_width,
            trees=min(self.trees, 50),
            most_months=20_000,
            seed=self.seed,
        )

    def predict(self, samples):
        """Return the labels (N, T) int8 of samples."""
        x = filled(samples.x)
        months = x.transpose(0, 2, 1).reshape(-1, x.shape[1])  # (N * T, C)
        labels = self.forest.predict(months).astype(np.int8).reshape(len(x), -1)
        empty = without_observation(samples.x)
        labels[empty] = self.common
        self.reasons = np.where(empty, "no observation: the most common class", "")
        return majority_filter(labels, self.filter_width)
