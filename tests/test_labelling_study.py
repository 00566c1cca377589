"""benchmarks/labelling.py: sites as rasters, products with errors, and rows that are kept."""

import numpy as np
import pandas as pd
from conftest import make_samples

from benchmarks import labelling as study
from data_loader import save_samples


def samples_for_study():
    samples = make_samples(n=240, steps=36)
    samples.x[:5, :, :] = np.where(np.isnan(samples.x[:5]), 500, samples.x[:5])
    return samples


def test_every_series_has_a_pixel_of_its_own():
    samples = samples_for_study()
    row, column, shape = study.laid_out(samples)
    assert len(np.unique(row * shape[1] + column)) == len(samples)
    assert row.max() < shape[0] and column.max() < shape[1]


def test_products_have_the_share_of_errors_and_more_at_borders():
    samples = samples_for_study()
    row, column, shape = study.laid_out(samples)
    field = np.where(row % 5 >= 3, 4, 1).astype(np.int8)  # two fields in each square of 5 x 5
    samples = study.replace(samples, y=np.repeat(field[:, None], 36, axis=1))
    codes, julys = study.products_of(samples, 0.2, row, column, shape, 0)
    assert (samples.months[julys].astype(str) == np.array(["2018-07", "2019-07", "2020-07"])).all()
    wrong = codes[:, row, column] != samples.y[:, julys].T
    assert 0.12 < wrong.mean() < 0.28
    true = np.full(shape, -1, np.int8)
    true[row, column] = samples.y[:, julys[0]]
    border = study.edges(true[None])[0][row, column]
    assert wrong[:, border].mean() > 1.5 * wrong[:, ~border].mean()
    free, _ = study.products_of(samples, 0.0, row, column, shape, 0)
    assert (free[:, row, column] == samples.y[:, julys].T).all()


def test_naive_labels_hold_for_the_year_of_the_product():
    samples = samples_for_study()
    row, column, shape = study.laid_out(samples)
    codes, julys = study.products_of(samples, 0.0, row, column, shape, 0)
    labels = study.naive(samples, codes[:, row, column], julys)
    year = samples.months.astype("datetime64[Y]") == np.datetime64("2019")
    seen = np.isfinite(samples.x).any(axis=1)
    expected = np.repeat(samples.y[:, julys[1], None], year.sum(), axis=1)
    assert (labels[:, year] == expected)[seen[:, year]].all()
    assert (labels[:, 0] == -1).all()  # 2017-12 has no product


def test_a_state_between_two_julys_is_missed():
    samples = samples_for_study()
    y = np.zeros_like(samples.y)
    y[0, 9:12] = 3  # 2018-09 to 2018-11
    assert study.missed(study.replace(samples, y=y)) == 3 / y.size


def test_rows_that_are_there_are_kept(tmp_path, monkeypatch):
    save_samples(tmp_path / "tiny.npz", samples_for_study())
    words = ["--data", tmp_path / "tiny.npz", "--rates", "0.1", "--epochs", "1"]
    words += ["--work", tmp_path / "work", "--out", tmp_path / "table.csv"]
    words = [str(word) for word in words]
    short = dict(steps=20)
    whole = study.label_stack
    monkeypatch.setattr(study, "label_stack", lambda *a, **k: whole(*a, **k, **short))
    study.main(words)
    table = pd.read_csv(tmp_path / "table.csv")
    assert table["way"].tolist() == ["annotated", "naive", "label.py"]
    assert (table["labels_right"][0], table["labelled"][0]) == (1, 1)
    monkeypatch.setattr(study, "train", None)  # nothing is trained a second time
    study.main(words)
    assert pd.read_csv(tmp_path / "table.csv").equals(table)
