import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import models
from tests.conftest import make_samples
from training import adapt as adapting
from training import loop as training
from training.augment import AUGMENTATIONS
from training.card import TrainingCard
from training.loop import best_row, fit
from training.recipe import (
    ADAPTING,
    PAPER,
    Settings,
    class_weights,
    learning_rate,
    make_optimizer,
    settings_of,
)
from utils.errors import InputError


def small(samples, seed=0):
    torch.manual_seed(seed)
    return models.build(
        "patchnet", bands=samples.bands, legend=samples.legend, width=32, reach=(1, 2)
    )


def test_a_tiny_training_learns_plain_classes():
    samples, unseen = make_samples(240), make_samples(60)
    settings = settings_of("modern", "patchnet", epochs=12, batch_size=16)
    net, history = fit(small(samples), samples, unseen, settings, progress=False)
    labels, _ = models.label(net, unseen.x)
    assert (labels == unseen.y).mean() > 0.95
    assert history["train_loss"].iloc[-1] < 0.5 * history["train_loss"].iloc[0]


def test_the_epoch_kept_is_the_best_on_validation():
    samples, unseen = make_samples(60), make_samples(40, seed=1)
    settings = settings_of("paper", "patchnet", epochs=6, batch_size=16)
    net, history = fit(small(samples), samples, unseen, settings, progress=False)
    probability = models.predict(net, unseen.x).argmax(1)
    assert (probability == unseen.y).mean() == pytest.approx(
        history.loc[history["score"].idxmax(), "OA"]
    )
    parts = history[["OA", "spatial_F1", "temporal_F1"]].mean(axis=1)
    np.testing.assert_allclose(history["score"], parts)


@pytest.mark.parametrize(
    "patience, kept", [(0, [0, 1, 2, 3, 4, 5, 6, 6]), (8, [0, 0, 0, 3, 3, 3, 3, 3])]
)
def test_an_early_lucky_epoch_is_not_kept_where_the_schedule_runs_to_its_end(patience, kept):
    history = pd.DataFrame({"score": [0.5, 0.4, 0.3, 0.9, 0.8, 0.6, 0.7, 0.7]})
    settings = Settings(epochs=8, patience=patience)
    assert [best_row(history[:rows], settings) for rows in range(1, 9)] == kept


@pytest.mark.parametrize("recipe", ["modern", "paper"])
@pytest.mark.parametrize("done", [0, 1, 3])
def test_resumed_training_is_the_uninterrupted_one_bit_for_bit(tmp_path, recipe, done, monkeypatch):
    samples, unseen = make_samples(40), make_samples(20, seed=1)
    settings = settings_of(recipe, "patchnet", epochs=4, batch_size=16)
    straight, history = fit(small(samples), samples, unseen, settings, progress=False)

    epoch_of = training.train_epoch

    def interrupted(*arguments):
        if arguments[-1] == done:
            raise KeyboardInterrupt
        return epoch_of(*arguments)

    monkeypatch.setattr(training, "train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(small(samples), samples, unseen, settings, folder=tmp_path, progress=False)
    monkeypatch.setattr(training, "train_epoch", epoch_of)
    resumed, again = fit(
        small(samples), samples, unseen, settings, folder=tmp_path, resume=True, progress=False
    )
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    columns = [name for name in history if "seconds" not in name]
    assert history[columns].equals(again[columns])


def test_spoilt_training_state_is_named_in_one_line(tmp_path):
    samples = make_samples(20)
    settings = settings_of("paper", "patchnet", epochs=1)
    fit(small(samples), samples, samples, settings, folder=tmp_path, progress=False)
    state = tmp_path / "state.safetensors"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(InputError, match="state.safetensors"):
        fit(
            small(samples), samples, samples, settings, folder=tmp_path, resume=True, progress=False
        )


def test_patience_ends_training_early():
    samples = make_samples(20)
    settings = settings_of("paper", "patchnet", epochs=30, patience=2, learning_rate=0.0)
    _, history = fit(small(samples), samples, samples, settings, progress=False)
    assert len(history) < 30


@pytest.mark.parametrize("name", AUGMENTATIONS)
@given(seed=st.integers(0, 999), steps=st.integers(12, 60))
def test_augmentation_changes_neither_its_input_nor_the_pairing_of_months_and_labels(
    name, seed, steps
):
    torch.manual_seed(seed)
    y = torch.randint(-1, 6, (5, steps))
    x = (y.float() * 1000 + 2000)[:, None].repeat(1, 3, 1)
    x_before, y_before = x.clone(), y.clone()
    new_x, new_y = AUGMENTATIONS[name](x, y)
    assert torch.equal(x, x_before) and torch.equal(y, y_before)
    assert new_x.shape[-1] == new_y.shape[-1] >= 12
    if name in ("flip", "gaps", "crop", "crop_to_year", "splice", "splice_few"):
        seen = torch.isfinite(new_x[:, 0])
        assert torch.equal(new_x[:, 0][seen], (new_y.float() * 1000 + 2000)[seen]) and seen.any()


@pytest.mark.parametrize("recipe, epochs_with_flip", [("modern", [0, 1]), ("paper", [0, 1, 2, 3])])
def test_series_run_backwards_only_in_the_first_half_of_patchnets_recipe(
    recipe, epochs_with_flip, monkeypatch
):
    samples, seen, epochs = make_samples(16), [], []

    def flip(x, y):
        seen.append(len(epochs))
        return x, y

    def evaluate(net, samples):
        epochs.append(net)
        return {"OA": 0.0, "score": 0.0}

    monkeypatch.setitem(AUGMENTATIONS, "flip", flip)
    monkeypatch.setattr(training, "evaluate", evaluate)
    settings = settings_of(recipe, "patchnet", epochs=4, batch_size=16, decode=False)
    fit(small(samples), samples, samples, settings, progress=False)
    assert seen == epochs_with_flip


def test_class_weights_are_balanced_or_given():
    y = np.array([[0, 0, 0, 1, -1]])
    balanced = class_weights("balanced", y, 2, "cpu")
    assert (
        balanced[0] * 3 == pytest.approx(float(balanced[1]))
        and class_weights("none", y, 2, "cpu") is None
    )
    assert class_weights("1,2", y, 2, "cpu").tolist() == [1, 2]
    for wrong in ("1", "1,x", "1,-1", "heavy"):
        with pytest.raises(InputError, match="--class-weights"):
            class_weights(wrong, y, 2, "cpu")


def test_the_card_names_the_samples_of_each_part(tmp_path):
    samples = make_samples(20)
    parts = {"train": samples.ids[:10].tolist(), "validation": [], "test": ["3", "17"]}
    card = TrainingCard(data="mine.npz", parts=parts)
    models.save(tmp_path / "w.safetensors", small(samples), training=card.as_dict())
    again = TrainingCard.from_card(models.load(tmp_path / "w.safetensors").card)
    assert again.data == "mine.npz" and again.parts["test"] == ("3", "17")
    assert again.rows("test", samples).tolist() == [3, 17]
    assert "parts" not in again.facts()
    with pytest.raises(InputError, match="sample 17 of the test part"):
        again.rows("test", samples.take(np.arange(10)))


def test_cards_of_older_weights_are_read():
    old = {"training": {"data": "mine.npz", "split": "auto", "of a later version": 1}}
    card = TrainingCard.from_card(old)
    assert card.split == "auto" and card.parts is None and card.best_epoch is None
    assert TrainingCard.from_card({}) is None
    with pytest.raises(InputError, match="do not name"):
        card.rows("test", make_samples(3))


def test_the_learning_rate_warms_up_and_then_falls_to_nothing():
    settings = Settings(epochs=20, learning_rate=1.0, schedule="cosine")
    steps = np.arange(2000) / 100  # 100 steps in each epoch
    rates = [learning_rate(settings, epoch, 0.01) for epoch in steps]
    assert 0 < rates[0] <= 0.011 and (np.diff(rates[:100]) > 0).all()
    assert max(rates) == pytest.approx(1, abs=0.01) and np.argmax(rates) in range(95, 105)
    assert (np.diff(rates[105:]) < 0).all() and rates[-1] < 1e-4
    short = Settings(epochs=2, learning_rate=1.0)  # the warm-up is then a tenth of the training
    assert learning_rate(short, 0.2, 0.01) > 0.9


def test_the_published_recipe_has_no_warm_up_and_falls_every_five_epochs():
    settings = settings_of("paper", "fcn")
    rates = [learning_rate(settings, epoch, 0.01) for epoch in (0, 4.99, 5, 10)]
    assert rates == pytest.approx([1e-3, 1e-3, 7e-4, 4.9e-4])


def test_only_matrices_are_decayed():
    net = small(make_samples(2))
    optimizer = make_optimizer(net, Settings(weight_decay=0.5, learning_rate=0.1))
    before = {name: value.clone() for name, value in net.named_parameters()}
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, value in net.named_parameters():
        expected = before[name] * 0.95 if value.ndim > 1 else before[name]
        torch.testing.assert_close(value.data, expected)


@pytest.mark.parametrize("best", [1.0, 2.0, 10.0])
def test_the_switch_cost_is_the_one_that_is_best_on_validation(best, monkeypatch):
    samples = make_samples(30)
    wrong = (samples.y + 1) % 6

    def labelled(net, x, **options):
        right = net.card["switch_cost"] == best
        return (samples.y if right else wrong), None

    net = small(samples)
    monkeypatch.setattr(training, "label", labelled)
    stable = np.zeros((1000, 36), np.int8)
    training.choose_switch_cost(net, samples, stable)
    assert net.card["switch_cost"] == best


def test_a_change_costs_no_more_than_its_rarity_in_the_training_labels(monkeypatch):
    """Else the false changes of one validation site forbid the changes of other land."""
    samples, tried = make_samples(30), []
    net = small(samples)

    def labelled(net, x, **options):
        tried.append(net.card["switch_cost"])
        return samples.y, None

    monkeypatch.setattr(training, "label", labelled)
    train_y = np.zeros((1, 50), np.int8)
    train_y[:, 25:] = -1
    train_y[:, 40:] = 1  # one change in 35 labelled months: 3.6 nats
    training.choose_switch_cost(net, samples, np.arange(40).reshape(2, 20) % 6)  # each month
    assert tried == [1]
    tried.clear()
    training.choose_switch_cost(net, samples, train_y)
    assert tried == [1, 2, 3]


def test_flicker_that_the_network_is_unsure_of_costs_more_than_a_change():
    """A network that sees the classes but flickers needs a cost of changing; a sure one none."""
    samples = make_samples(80, steps=36)
    net = small(samples)

    def forward(x):
        generator = torch.Generator().manual_seed(0)
        noise = 1.5 * torch.randn(len(x), 6, x.shape[-1], generator=generator)
        true = torch.from_numpy(samples.y[: len(x)]).long()
        return noise + 3 * torch.nn.functional.one_hot(true, 6).permute(0, 2, 1)

    net.forward = forward
    training.choose_switch_cost(net, samples, samples.y)
    assert 1 <= net.card["switch_cost"] < 10


@given(seed=st.integers(0, 999))
def test_adapting_takes_the_surest_segments_of_each_class_and_no_doubtful_ones(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, (60, 1), p=[0.6, 0.3, 0.1]).repeat(24, axis=1).astype(np.int8)
    labels[:20, 10:] = rng.choice(2, (20, 1))
    confidence = rng.random((60, 24)).astype(np.float32) * (labels != 2)  # class 2 is never sure
    kept = adapting.surest(labels, confidence, 6, adapting.STABLE)
    sure = adapting.mean_of_segments(labels, confidence)
    doubtful = sure < min(adapting.STABLE.certain, np.quantile(sure, adapting.STABLE.doubtful))
    assert (kept[doubtful] == -1).all()
    for k in range(2):
        of_class, taken = labels == k, kept == k
        assert (taken <= of_class).all()
        if (of_class & ~doubtful).sum() > of_class.sum() * adapting.STABLE.share:
            assert abs(taken.sum() / of_class.sum() - adapting.STABLE.share) < 25 / of_class.sum()
        assert sure[taken].min(initial=1) >= sure[of_class & ~taken].max(initial=-1)


def test_rare_class_that_is_certain_teaches_though_others_are_surer():
    labels = np.zeros((50, 24), np.int8)
    confidence = np.full((50, 24), 0.99, np.float32)
    labels[:4], confidence[:4] = 1, 0.95
    labels[4:8], confidence[4:8] = 2, 0.7
    kept = adapting.surest(labels, confidence, 3, adapting.STABLE)
    assert (kept == 1).any() and not (kept == 2).any()


def test_mean_of_a_segment_is_that_of_its_months():
    labels = np.array([[0, 0, 1, 1], [1, 1, 1, 1]], np.int8)
    confidence = np.array([[0.2, 0.4, 0.6, 1.0], [0.1, 0.2, 0.3, 0.4]], np.float32)
    found = adapting.mean_of_segments(labels, confidence)
    expected = [[0.3, 0.3, 0.8, 0.8], [0.25, 0.25, 0.25, 0.25]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_single_months_teach_where_most_series_change():
    labels = np.zeros((10, 24), np.int8)
    labels[:5, 12:] = 1
    assert adapting.manner_for(labels) is adapting.STABLE
    labels[5, 12:] = 1
    assert adapting.manner_for(labels) is adapting.CHANGING
    confidence = np.ones((10, 24), np.float32)
    confidence[:, 11:13] = 0.5
    kept = adapting.surest(labels, confidence, 2, adapting.CHANGING)
    assert (kept[:6, [*range(11), *range(13, 24)]] >= 0).all()


@pytest.mark.parametrize("manner", [adapting.STABLE, adapting.CHANGING])
def test_adapting_trains_on_the_surest_labels_alone(monkeypatch, manner):
    samples, seen = make_samples(40), []

    def train_epoch(student, net, optimizer, x, y, *others):
        seen.append(y)

    monkeypatch.setattr(adapting, "train_epoch", train_epoch)
    monkeypatch.setattr(adapting, "manner_for", lambda labels: manner)
    net = small(samples).eval()
    settings = settings_of("adapting", "patchnet", epochs=1)
    adapting.adapt(net, samples.x, settings, progress=False)
    labels, _ = models.label(net, samples.x)
    assert len(seen) == manner.rounds
    for y in seen:
        left_out = (y < 0).float().mean()
        assert abs(left_out - (1 - manner.share)) < 0.1
        assert (y.numpy() == labels)[y.numpy() >= 0].all()


def test_adapted_weights_are_half_way_to_what_the_surest_labels_teach(monkeypatch):
    samples = make_samples(20)

    def train_epoch(student, mean, *others):
        for weight in mean.state_dict().values():
            weight.fill_(1.0)

    monkeypatch.setattr(adapting, "train_epoch", train_epoch)
    monkeypatch.setattr(adapting, "manner_for", lambda labels: adapting.STABLE)
    net = small(samples).eval()
    settings = settings_of("adapting", "patchnet", epochs=1)
    adapted = adapting.adapt(net, samples.x, settings, progress=False)
    for before, after in zip(net.state_dict().values(), adapted.state_dict().values()):
        torch.testing.assert_close(after, (before + 1) / 2)


def lit(n=400, bands=10, steps=36):
    """Series that rise from month to month: x (N, C, T), y (N, T)."""
    x = 1000 + 50 * torch.arange(steps).float().expand(n, bands, steps)
    return x, torch.zeros(n, steps, dtype=torch.long)


def test_illumination_scales_and_shifts_each_band_of_each_series():
    torch.manual_seed(0)
    x, y = lit()
    new, _ = AUGMENTATIONS["illumination"](x, y)
    gains = (new[..., -1] - new[..., 0]) / (x[..., -1] - x[..., 0])  # (N, C)
    offsets = new[..., 0] - gains * x[..., 0]
    torch.testing.assert_close(new, x * gains[..., None] + offsets[..., None], rtol=1e-4, atol=0.1)
    of_series = gains.log().mean(dim=1, keepdim=True)
    assert 0.06 < of_series.std() < 0.1  # of the whole series
    assert 0.03 < (gains.log() - of_series).std() < 0.05  # of each band beside it
    assert 30 < offsets.std() < 50


def test_noise_is_of_each_month_and_partly_common_to_the_bands():
    torch.manual_seed(0)
    x, y = lit()
    share = AUGMENTATIONS["noise"](x, y)[0] / x - 1  # (N, C, T)
    common = share.mean(dim=1, keepdim=True)
    assert 0.015 < common.std() < 0.025 and 0.007 < (share - common).std() < 0.013


def test_months_go_missing_scattered_in_one_run_or_not_at_all():
    torch.manual_seed(0)
    x, y = lit()
    new, _ = AUGMENTATIONS["gaps"](x, y)
    missing = torch.isnan(new)
    assert (missing == missing[:, :1]).all()  # all bands of a month
    gone = missing[:, 0].numpy()  # (N, T)
    starts = (np.diff(gone.astype(int), axis=1, prepend=0) == 1).sum(axis=1)
    lengths = gone.sum(axis=1)
    assert 0.1 < (lengths == 0).mean() < 0.35
    assert 0.4 < (starts > 1).mean() < 0.7  # scattered
    one = starts == 1
    assert 0.1 < one.mean() < 0.4 and lengths[one & (lengths < 10)].max() >= 8
    assert lengths.max() > 0.5 * gone.shape[1]


def test_half_of_the_series_run_backwards_with_flip():
    torch.manual_seed(0)
    x, y = lit()
    new, _ = AUGMENTATIONS["flip"](x, y)
    backwards = (new[:, 0, 0] > new[:, 0, -1]).float().mean()
    assert 0.4 < backwards < 0.6


def test_half_of_the_batches_are_cropped_to_windows_of_half_the_length_or_more():
    torch.manual_seed(0)
    x, y = lit(2)
    lengths = [AUGMENTATIONS["crop"](x, y)[0].shape[-1] for _ in range(300)]
    assert 0.4 < np.mean(np.array(lengths) == 36) < 0.65
    assert 18 <= min(lengths) <= 20


def test_the_running_mean_is_what_is_judged_and_kept():
    samples = make_samples(40)
    settings = settings_of("modern", "patchnet", epochs=3, batch_size=16, decode=False)
    net = small(samples)
    state = training.first_state(net, torch.from_numpy(samples.x), settings)
    assert state.average is not net
    before = training.copy_of(state.average)
    training.update_average(state.average, net, 0.9)
    for name, value in net.state_dict().items():
        expected = 0.9 * before[name] + 0.1 * value
        torch.testing.assert_close(state.average.state_dict()[name], expected)
    plain = training.first_state(net, torch.from_numpy(samples.x), settings_of("paper", "fcn"))
    assert plain.average is net


def test_every_series_is_seen_once_in_an_epoch_and_the_order_follows_the_seed():
    x = torch.arange(50.0)[:, None, None].expand(50, 10, 12).clone()
    y = torch.arange(50)[:, None].expand(50, 12)

    def order(seed, epoch):
        settings = Settings(batch_size=16, augment=(), seed=seed)
        batches = list(training.batches_of(x, y, settings, epoch))
        assert [len(batch) for batch, _ in batches] == [16, 16, 16, 2]
        assert all(torch.equal(batch[:, 0, 0].long(), target[:, 0]) for batch, target in batches)
        return torch.cat([target[:, 0] for _, target in batches]).tolist()

    assert sorted(order(0, 0)) == list(range(50))
    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1) and order(0, 0) != order(1, 0)


def test_the_gradient_is_clipped_and_smoothing_reaches_the_loss():
    samples = make_samples(16)
    x, y = torch.from_numpy(samples.x), torch.from_numpy(samples.y).long()

    def trained(**changes):
        net = small(samples)
        settings = settings_of("paper", "patchnet", epochs=1, augment=(), **changes)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
        loss = training.train_epoch(net, net, optimizer, x, y, None, settings, 0)
        norms = [parameter.grad.norm() for parameter in net.parameters()]
        return loss, float(torch.stack(norms).norm())

    loss, norm = trained()
    assert norm > 0.02
    assert trained(clip=0.01)[1] == pytest.approx(0.01, rel=1e-3)
    smooth, _ = trained(label_smoothing=0.5)
    assert smooth != pytest.approx(loss)


def test_recipes_differ_where_they_say():
    modern, paper = settings_of("modern", "fcn"), settings_of("paper", "fcn")
    assert modern == Settings() and paper == Settings(**PAPER)
    assert settings_of("adapting", "patchnet").epochs == ADAPTING["epochs"]
    assert settings_of("modern", "patchnet", epochs=None) == settings_of("modern", "patchnet")
    for wrong in (("modern", "lstm"), ("old", "fcn")):
        with pytest.raises(InputError, match="not known"):
            settings_of(*wrong)
    for changes in ({"epochs": 0}, {"batch_size": 0}, {"augment": ("magic",)}):
        with pytest.raises(InputError):
            settings_of("modern", "fcn", **changes)


def test_half_of_the_short_windows_are_of_a_year_or_two():
    torch.manual_seed(0)
    x, y = torch.zeros(1, 1, 48), torch.zeros(1, 48)
    lengths = torch.tensor([AUGMENTATIONS["crop_to_year"](x, y)[1].shape[-1] for _ in range(800)])
    assert lengths.min() == 12 and lengths.max() == 48
    assert 0.32 < (lengths <= 24).float().mean() < 0.43


def test_splicing_makes_changes_of_stable_series():
    torch.manual_seed(0)
    y = torch.arange(6).repeat(50)[:, None].repeat(1, 24)  # 300 stable series
    x = (y.float() * 1000)[:, None]
    _, labels = AUGMENTATIONS["splice"](x, y)
    changed = (labels[:, 1:] != labels[:, :-1]).any(dim=1).float().mean()
    assert 0.3 < changed < 0.55  # half are spliced, a sixth of them to their own class


def test_the_first_step_of_the_warm_up_is_one_step_long(samples, monkeypatch):
    rates, of = [], training.learning_rate

    def learning_rate(settings, epoch, step):
        rates.append(of(settings, epoch, step))
        return rates[-1]

    monkeypatch.setattr(training, "learning_rate", learning_rate)
    settings = settings_of("modern", "patchnet", epochs=10, batch_size=6, decode=False)
    fit(small(samples), samples, samples, settings, progress=False)
    assert rates[0] == pytest.approx(settings.learning_rate / 10)  # ten steps per epoch
