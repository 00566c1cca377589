"""assess.py agreement: two interpreters of the same points."""

import re

import numpy as np
import pytest
from assess_files import read_rows, truth_csv

from assessing.agreement import agreement, kappa
from assessing.record import load_design
from assessing.report import report
from utils.errors import InputError


def test_kappa_is_cohens():
    # 140 of 200 answers agree, 82 of them by chance: (0.70 - 0.41) / (1 - 0.41).
    table = np.array([[88, 10, 2], [14, 40, 6], [18, 10, 12]])
    assert kappa(table) == pytest.approx(0.492, abs=0.001)


def test_two_interpreters_are_compared_in_classes_and_dates(area, tmp_path):
    _, labels, out = area
    found = load_design(out)
    late = labels.copy()
    late[1:] = labels[:-1]
    one = truth_csv(tmp_path / "ann.csv", found, labels)
    other = truth_csv(tmp_path / "bo.csv", found, late, only=100, interpreter="bo")
    text = agreement(out, one, other)
    assert "|\n\n" in text  # or Markdown would take the next line into the table
    assert "100 points" in text and "| within 1 month | 100% | - |" in text
    assert "| in the very month | 0% | - |" in text and "| months apart, mean | 1.0 | - |" in text
    assert "| changed or not | 100.0% | 1.00 |" in text
    assert all(row["months_that_differ"] == "1" for row in read_rows(out / "agreement.csv"))


def test_shares_of_dates_have_an_interval_over_points(area, tmp_path):
    _, labels, out = area
    found = load_design(out)
    late = labels.copy()
    late[1:, 20:] = labels[:-1, 20:]  # only in the south are changes dated a month later
    one = truth_csv(tmp_path / "ann.csv", found, labels)
    other = truth_csv(tmp_path / "bo.csv", found, late, interpreter="bo")
    lines = {line.split(" |")[0]: line for line in agreement(out, one, other).splitlines()}
    value, interval = lines["| in the very month"].split(" | ")[1:]
    low, high = interval.removesuffix(" |").replace("%", "").split(" to ")
    assert 0 < int(low) < int(value.removesuffix("%")) < int(high) < 100


def test_points_on_which_two_agree_are_a_reference_and_the_others_are_left_to_settle(
    area, tmp_path
):
    _, labels, out = area
    found = load_design(out)
    late = labels.copy()
    late[1:] = labels[:-1]
    one = truth_csv(tmp_path / "ann.csv", found, labels)
    other = truth_csv(tmp_path / "bo.csv", found, late, interpreter="bo")
    lines = one.read_text().splitlines()
    first = next(line for line in lines[1:] if f"{line.split(',')[3]}" == "2020-03")
    number = first.split(",")[0]
    whole = f"{number},ann,2019-02,2020-03,,cannot tell,,"
    lines = [line for line in lines if line.split(",")[0] != number]
    one.write_text("\n".join([*lines, whole]) + "\n")
    agreement(out, one, other)
    differ = {row["id"] for row in read_rows(out / "agreement.csv")}
    agreed = {row["id"] for row in read_rows(out / "agreed.csv")}
    assert number in differ and not differ & agreed and len(differ | agreed) == 120
    changed = (labels != labels[0]).any(axis=0)[found.points["row"], found.points["column"]]
    assert len(agreed) in (120 - changed.sum(), 120 - changed.sum() - 1)
    text = (report(out, out / "agreed.csv") / "report.md").read_text()
    assert "by ann and bo" in text and "points are not interpreted" in text


def test_changes_are_counted_in_the_order_of_the_two_files(area, tmp_path):
    _, labels, out = area
    found = load_design(out)
    blind = labels.copy()
    blind[:, 20:] = labels[0, 20:]  # sees no change in the south
    one = truth_csv(tmp_path / "ann.csv", found, labels)
    other = truth_csv(tmp_path / "bo.csv", found, blind, interpreter="bo")
    text = agreement(out, one, other)
    seen, first, second = re.search(
        r"(\d+) changes seen by both, of (\d+) and (\d+)", text
    ).groups()
    assert int(seen) == int(second) < int(first)


def test_one_file_given_twice_is_no_second_interpreter(area, tmp_path):
    _, labels, out = area
    one = truth_csv(tmp_path / "ann.csv", load_design(out), labels)
    copy = tmp_path / "bo.csv"
    copy.write_bytes(one.read_bytes())
    with pytest.raises(InputError, match="bo.csv: is the same as .*ann.csv"):
        agreement(out, one, copy)
