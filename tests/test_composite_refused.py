"""composite.py: what it cannot use ends in one line."""

import pytest

from compositing import composite
from tests.conftest import assert_one_clear_line, run_script
from tests.stac_scenes import (
    SceneSpec,
    bbox_of,
    write_catalogue,
)
from utils.errors import InputError

LINES = [  # what is asked for, and words of the one line that it ends in
    ({"bbox": (3.2, 50.8, 3.1, 50.9)}, "west < east"),
    ({"bbox": (179.0, 50.8, -179.0, 50.9)}, "date line"),
    ({"bbox": (3.0, 85.0, 3.1, 86.0)}, "latitudes"),
    ({"bbox": (10.0, 50.8, 10.1, 50.9)}, "no scene of"),
    ({"bbox": (1.0, 49.0, 5.2, 51.7)}, "--yes"),
    ({"months": "2022-03:2022-01"}, "first month before the last"),
    ({"months": "2022-3"}, "YYYY-MM"),
    ({"months": None}, "--months"),
    ({"months": "2030-01:2030-02"}, "no scene of"),
    ({"catalog": "nowhere.json"}, "planetary-computer, earth-search, cdse"),
    ({"catalog": "http://127.0.0.1:9/stac"}, "cannot be read"),
    ({"catalog": "cdse"}, "AWS_ACCESS_KEY_ID"),
    ({"window": 300}, "multiple of 256"),
    ({"method": "mean"}, "median or medoid"),
    ({"extend": "2022-05"}, "the stack knows both"),
    ({"bbox": None, "months": None, "extend": "2022-05"}, "is not a stack of composite.py"),
    ({"bbox": None, "area": "nowhere.geojson"}, "not found"),
    ({"bbox": None, "like": "nowhere.tif"}, "cannot be read"),
]


@pytest.mark.parametrize("wrong", LINES, ids=lambda wrong: str(wrong[0]))
def test_bad_input_ends_in_one_line(five_months, tmp_path, wrong):
    folder, how = five_months
    changes, words = wrong
    how = how | {"months": "2022-01:2022-02", "retries": 0} | changes
    with pytest.raises(InputError, match=words) as caught:
        composite(tmp_path / "x.zarr", **how)
    assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_catalogues_that_lack_something_end_in_one_line(tmp_path):
    spec = SceneSpec("2022-03-05T10:50:00Z", without=("B8A",))
    catalogue = write_catalogue(tmp_path, [spec], "b8a.json")
    how = {"bbox": bbox_of(spec), "months": "2022-03:2022-03"}
    with pytest.raises(InputError, match="has no file of B8A"):
        composite(tmp_path / "x.zarr", catalog=catalogue, **how)
    spec.without = ("SCL",)
    catalogue = write_catalogue(tmp_path, [spec], "scl.json")
    with pytest.raises(InputError, match="has no file of SCL"):
        composite(tmp_path / "x.zarr", catalog=catalogue, **how)
    (tmp_path / "list.json").write_text("[1, 2]")
    with pytest.raises(InputError, match="cannot be read"):
        composite(tmp_path / "x.zarr", catalog=tmp_path / "list.json", **how)
    (tmp_path / "other.json").write_text('{"type": "Topology"}')
    with pytest.raises(InputError, match="type 'Topology' found"):
        composite(tmp_path / "x.zarr", catalog=tmp_path / "other.json", **how)


def test_a_stack_needs_a_name(five_months):
    _, how = five_months
    for out in (".", "", "/"):
        with pytest.raises(InputError, match="--out .*expected a name"):
            composite(out, months="2022-01:2022-02", **how)


def test_the_command_line_ends_in_one_line(tmp_path):
    process = run_script("composite.py", "--out", tmp_path / "x.zarr", "--bbox", "1,2,3")
    assert_one_clear_line(process, "--bbox", "W,S,E,N")
