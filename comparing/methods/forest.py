"""Random forest on single months: what can be known without the series.

With a majority filter behind it, the forest uses the series for no more than that.
"""

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from comparing.methods.segments import filled, most_common_class, without_observation
from comparing.methods.selection import as_grid, choose
from utils.changes import majority_filter

TRIAL_TREES, TRIAL_MONTHS = 50, 20_000  # while a setting is chosen: quicker, and as good to rank


class MonthForest:
    """Each month is classed by its own reflectance alone (Breiman 2001).

    A month without observation takes the reflectance interpolated from its neighbours. A series
    without any observation takes the most common class.

    smallest_leaf: months; a tuple holds candidates, of which the validation part chooses.
    filter_width: of the majority filter over the labels, months; 1 = none. most_months: drawn from
    the training series.
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
        self.filter_width, self.trees = filter_width, trees
        self.most_months, self.seed = most_months, seed
        self.setting, self.tried, self.reasons = None, [], None

    def fit(self, train, validation=None):
        """Choose the leaf size on `validation`, then learn the labelled months of `train`.

        Returns self.
        """
        self.setting, self.tried = choose(self._one, self.grid, train, validation, seed=self.seed)
        self.common = most_common_class(train.y)
        series, month = np.nonzero(train.y >= 0)
        if len(series) > self.most_months:
            random = np.random.default_rng(self.seed)
            drawn = random.choice(len(series), self.most_months, replace=False)
            series, month = series[drawn], month[drawn]
        self.forest = RandomForestClassifier(
            self.trees,
            min_samples_leaf=self.setting["smallest_leaf"],
            n_jobs=1,
            random_state=self.seed,
        )
        self.forest.fit(filled(train.x)[series, :, month], train.y[series, month])
        return self

    def _one(self, smallest_leaf):
        return MonthForest(
            smallest_leaf=smallest_leaf,
            filter_width=self.filter_width,
            trees=min(self.trees, TRIAL_TREES),
            most_months=TRIAL_MONTHS,
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


class FilteredForest(MonthForest):
    """The same forest, and a 3-month majority filter over its labels."""

    def __init__(self, **settings):
        super().__init__(filter_width=3, **settings)
