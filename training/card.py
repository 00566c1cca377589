"""What a weights file says about its own training: data, split, recipe, parts, time.

card = TrainingCard.from_card(models.load("model_data/urban.safetensors").card)
rows = card.rows("test", samples)                    # the test part, by the names of its samples
"""

from dataclasses import asdict, dataclass, fields

import numpy as np

from utils.errors import InputError


@dataclass(frozen=True)
class TrainingCard:
    """How a network was trained. A field is None where the weights file does not say it.

    data         path of the samples that trained and, unless `test_data` is given, tested
    test_data    path of other samples that tested instead, or None
    start        weights that the training started from, or None
    split        as given to --split
    seed         of the split, the first weights, the order, the augmentation
    validation   share of the sites or series that chose the epoch
    test         share of the sites that was the test part; no meaning with `test_data`
    recipe       modern or paper
    settings     training.recipe.Settings, as a dict
    series       number of series in each part
    parts        names of the samples in each part: {"train", "validation", "test"}, tuples of str.
                 With `test_data`, those of "test" are names in that file. None in weights that
                 were written before 2026-11-24.
    epochs       epochs that were trained
    best_epoch   the epoch that was kept, counted from 1
    minutes, cpu_minutes    of the training
    parameters   number of trained numbers in the network
    finished     time at the end, ISO 8601
    """

    data: str | None = None
    test_data: str | None = None
    start: str | None = None
    split: str | None = None
    seed: int | None = None
    validation: float | None = None
    test: float | None = None
    recipe: str | None = None
    settings: dict | None = None
    series: dict | None = None
    parts: dict | None = None
    epochs: int | None = None
    best_epoch: int | None = None
    minutes: float | None = None
    cpu_minutes: float | None = None
    parameters: int | None = None
    finished: str | None = None

    @classmethod
    def from_card(cls, card):
        """Read the card of a network (`net.card`). Returns None where it names no training."""
        training = card.get("training")
        if training is None:
            return None
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in training.items() if name in known}
        if values.get("parts"):
            values["parts"] = {part: tuple(ids) for part, ids in values["parts"].items()}
        return cls(**values)

    def as_dict(self):
        """All fields as a dict, which `models.save(path, net, training=...)` stores."""
        return asdict(self)

    def facts(self):
        """All fields but the names of the samples: what a table or a JSON file shows."""
        return {name: value for name, value in asdict(self).items() if name != "parts"}

    def rows(self, part, samples):
        """Row numbers in `samples` of the samples in `part` ("train", "validation" or "test").

        samples: Samples of `data`, or for "test" those of `test_data` where that is given. Raises
        InputError where the parts are not known, or where a sample of the part is missing.
        """
        if self.parts is None:
            raise InputError(
                "the weights do not name the samples of their parts; expected weights of a newer "
                "run.py, or a split of your own"
            )
        rows = np.flatnonzero(np.isin(samples.ids, self.parts[part]))
        missing = set(self.parts[part]) - set(samples.ids[rows])
        if missing:
            raise InputError(
                f"sample {min(missing)} of the {part} part is not in the data; expected the data "
                f"that trained the weights, {self.data}"
            )
        return rows
