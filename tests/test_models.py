import ast
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import models
from data_loader import BANDS
from models.build import VERSION
from models.inputs import fill
from tests.conftest import ROOT
from utils.errors import InputError
from utils.legend import COAST, URBAN

NETS = {
    name: models.build(name, bands=BANDS, legend=URBAN).eval()
    for name in models.NETWORKS
    if name != "fcn"
}
NETS["fcn"] = models.build("fcn", bands=BANDS, legend=URBAN, widths=(8, 16, 16, 16)).eval()


def series(n, steps, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 5000, (n, 10, steps)).astype(np.float32)
    x.transpose(0, 2, 1)[rng.random((n, steps)) < missing] = np.nan
    return x


@pytest.mark.parametrize("name", NETS)
@given(steps=st.integers(12, 70), missing=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=15)
def test_any_length_and_any_gaps_give_a_class_for_every_month(name, steps, missing, seed):
    with torch.inference_mode():
        logits = NETS[name](torch.from_numpy(series(3, steps, seed, missing)))
    assert logits.shape == (3, 6, steps) and torch.isfinite(logits).all()


@pytest.mark.parametrize("name", NETS)
def test_a_series_is_labelled_the_same_alone_and_in_any_batch(name):
    x = series(50, 48, missing=0.2)
    labels, confidence = models.label(NETS[name], x)
    for batch_size in (1, 7):
        again, certain = models.label(NETS[name], x, batch_size=batch_size)
        np.testing.assert_array_equal(again, labels)
        np.testing.assert_allclose(certain, confidence, atol=1e-4)


@pytest.mark.parametrize("name", NETS)
def test_integers_with_a_missing_value_and_floats_with_nan_are_read_alike(name):
    x = np.rint(series(5, 30, missing=0.2))
    integers = np.where(np.isnan(x), -32768, x).astype(np.int16)
    np.testing.assert_array_equal(
        models.predict(NETS[name], x), models.predict(NETS[name], integers)
    )
    probability = models.predict(NETS[name], x)
    np.testing.assert_allclose(probability.sum(1), 1, atol=1e-5)


def test_fcn_is_the_published_one():
    net = models.build("fcn", bands=BANDS, legend=URBAN)
    assert models.count_parameters(net) == 6_261_258
    assert {"layer1.0.weight", "layer4.2.bias", "score_1.weight", "upsampling_8x.weight"} <= set(
        net.state_dict()
    )
    assert (
        net.upsampling_8x.weight.shape == (6, 6, 6) and "upsampling_2x.bias" not in net.state_dict()
    )


def reference_fcn(state, x):
    """The published computation written out with functions: what the authors' weights must give at
    T = 48.
    """
    f = torch.nn.functional
    levels = []
    for layer in range(1, 5):
        for part in (0, 2):
            name = f"layer{layer}.{part}"
            x = f.relu(f.conv1d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1))
        x = f.max_pool1d(x, 2, ceil_mode=True)
        levels.append(x)
    score = [
        f.conv1d(levels[-i], state[f"score_{i}.weight"], state[f"score_{i}.bias"])
        for i in (1, 2, 3)
    ]
    x = score[1] + f.conv_transpose1d(score[0], state["upsampling_2x.weight"], stride=2, padding=1)
    x = score[2] + f.conv_transpose1d(x, state["upsampling_4x.weight"], stride=2, padding=1)
    return f.conv_transpose1d(x, state["upsampling_8x.weight"], stride=4, padding=1)


def test_published_pth_loads_and_gives_the_published_outputs(tmp_path):
    state = {name: value.clone() for name, value in NETS["fcn"].state_dict().items()}
    torch.save(state, tmp_path / "Best_TSSCD.pth")
    net = models.load(tmp_path / "Best_TSSCD.pth")
    x = torch.from_numpy(series(4, 48))
    with torch.inference_mode():
        torch.testing.assert_close(net(x), reference_fcn(state, x))
    assert net.card["legend"] == URBAN and net.card["bands"] == BANDS


class Harmful:
    def __reduce__(self):
        return (print, ("run",))


def test_a_pickle_that_could_run_code_is_refused(tmp_path, capsys):
    torch.save({"layer1": Harmful()}, tmp_path / "Best_TSSCD.pth")
    with pytest.raises(InputError, match="pickle refused"):
        models.load(tmp_path / "Best_TSSCD.pth")
    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize("name", NETS)
def test_weights_file_holds_all_that_is_needed(tmp_path, name):
    net = models.build(name, bands=("B4", "B8"), legend=COAST)
    models.save(
        tmp_path / "w.safetensors", net, training={"data": "x.npz"}, metrics={"test": {"OA": 0.5}}
    )
    again = models.load(tmp_path / "w.safetensors")
    x = series(3, 24)[:, :2]
    np.testing.assert_array_equal(models.predict(again, x), models.predict(net.eval(), x))
    assert (
        again.card["legend"] == COAST and again.card["bands"] == ("B4", "B8") and not again.training
    )
    assert (
        again.card["training"] == {"data": "x.npz"} and again.card["metrics"]["test"]["OA"] == 0.5
    )


def test_spoilt_weights_are_named_in_one_line(tmp_path):
    path = tmp_path / "w.safetensors"
    models.save(path, NETS["fcn"])
    whole = path.read_bytes()
    foreign = {"a": torch.zeros(3)}
    card = {
        "version": VERSION,
        "network": "lstm",
        "arguments": {},
        "bands": list(BANDS),
        "legend": {"names": URBAN.names, "colours": URBAN.colours},
    }
    cases = {"cut": whole[: len(whole) // 2], "empty": b"", "noise": b"x" * 2000}
    for name, content in cases.items():
        (tmp_path / f"{name}.safetensors").write_bytes(content)
    save_file(foreign, tmp_path / "foreign.safetensors")
    save_file(foreign, tmp_path / "unknown.safetensors", metadata={"tsscd": json.dumps(card)})
    for version, name in ((99, "newer"), (1, "older")):
        text = json.dumps(card | {"version": version, "network": "patchnet"})
        save_file(foreign, tmp_path / f"{name}.safetensors", metadata={"tsscd": text})
    save_file(
        foreign,
        tmp_path / "other.safetensors",
        metadata={"tsscd": json.dumps(card | {"network": "fcn"})},
    )
    torch.save(foreign, tmp_path / "odd.pth")
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04.")
    for path in [
        *tmp_path.glob("*.p*"),
        *tmp_path.glob("[!w]*.safetensors"),
        tmp_path / "none.safetensors",
    ]:
        with pytest.raises(InputError) as error:
            models.load(path)
        assert (path.name in str(error.value) or "lstm" in str(error.value)) and "\n" not in str(
            error.value
        )


@given(seed=st.integers(0, 999), missing=st.floats(0, 0.9), steps=st.integers(12, 40))
@settings(max_examples=30)
def test_gaps_are_filled_as_numpy_interpolates(seed, missing, steps):
    x = series(2, steps, seed, missing)
    filled, seen = fill(torch.from_numpy(x))
    month = np.arange(steps)
    for row, out in zip(x.reshape(-1, steps), filled.numpy().reshape(-1, steps)):
        known = np.isfinite(row)
        expected = np.interp(month, month[known], row[known]) if known.any() else np.zeros(steps)
        np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-2)
    np.testing.assert_array_equal(seen.numpy()[:, 0] > 0, np.isfinite(x).all(1))


NOT_ON_WINDOWS = {"fcntl", "resource", "pwd", "grp", "termios", "ctypes", "multiprocessing"}


def test_networks_and_training_import_nothing_that_windows_lacks():
    """ctypes and multiprocessing are there, but what Linux offers through them is not."""
    files = [*ROOT.glob("models/*.py"), *ROOT.glob("training/*.py"), ROOT / "run.py"]
    assert len(files) > 20
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
        names = {alias.name.split(".")[0] for node in imports for alias in node.names}
        others = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names |= {node.module.split(".")[0] for node in others if node.module}
        assert not names & NOT_ON_WINDOWS, file.name
        assert "sched_getaffinity" not in file.read_text(encoding="utf-8"), file.name
