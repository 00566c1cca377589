"""Train a network, keep the best epoch on validation, read the test part once.

    python run.py                                            # the simulated urban set, the default network
    python run.py --data coast.npz --model fcn --recipe paper
    python run.py --data mine.csv --split province:SD,FJ     # test on the sites whose names begin with SD_ or FJ_
    python run.py --resume                                   # go on after an interruption
    python run.py --adapt area.npz --start model_data/mine.safetensors      # fit weights to unlabelled series
    torchrun --nproc-per-node 2 run.py --data coast.npz      # several GPUs, or several processes on a CPU

Leaves runs/<name>/ (config.json, history.csv, scores.json, split.csv, figures) and model_data/<name>.safetensors.
"""

import argparse
import datetime
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import models
from data_loader import load_samples, split_samples
from training.adapt import adapt
from training.augment import AUGMENTATIONS
from training.card import TrainingCard
from training.loop import HISTORY_SCORES, best_row, fit
from training.recipe import Settings, settings_of
from utils import plots
from utils.changes import majority_filter
from utils.errors import InputError, run_main
from utils.files import written_whole
from utils.legend import COAST, URBAN, legend_for
from utils.metrics import confusion, filtered_scores, transition_matrix, transition_scores
from utils.splits import sites_from_coordinates

LEGENDS = {"urban": URBAN, "coast": COAST}
FREE_TO_CHANGE = ("resume", "name", "runs", "weights", "device", "threads")  # when a run is resumed
ADAPT = {
    "epochs": 8,
    "learning_rate": 1e-3,
    "batch_size": 64,
}  # --adapt begins with weights that are nearly right
SHOWN = (
    "OA",
    "mIoU",
    "sequence_accuracy",
    "spatial_F1",
    "temporal_F1",
    "spatial_change_F1",
    "temporal_change_F1",
)


def make_parser():
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=formatter, allow_abbrev=False
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data", default="dataset/urban.npz", help=".npz, .npy, .csv, .parquet or a folder of CSV"
    )
    data.add_argument("--first-month", help="YYYY-MM of arrays without dates (published: 2017-12)")
    data.add_argument(
        "--legend", help="urban, coast, or class names with commas: for labels without names"
    )
    data.add_argument("--bands", help="bands to use, with commas; all ten if not given")
    data.add_argument(
        "--classes", help="classes to keep, with commas; the others are merged into 'other'"
    )
    data.add_argument(
        "--split", default="auto", help="auto, site, sample, province:A,B, or a file of ids"
    )
    data.add_argument(
        "--validation",
        type=float,
        help="share that chooses the epoch: of the sites, 0.15 if not given; "
        "of the series, 0.1, with --test-data from the same sites",
    )
    data.add_argument(
        "--test", type=float, default=0.15, help="share of sites read once, at the end"
    )
    data.add_argument(
        "--test-data",
        help="test on these samples instead of a part of --data; if they are "
        "from the same sites, --split auto draws the validation part from all sites too",
    )
    data.add_argument(
        "--limit",
        type=int,
        default=0,
        help="train on this many series only, drawn at random; 0 = all",
    )
    net = parser.add_argument_group("network")
    net.add_argument("--model", default="patchnet", help=f"one of {', '.join(models.NETWORKS)}")
    net.add_argument(
        "--start", help="weights to start from, of the same network, bands and classes"
    )
    net.add_argument(
        "--adapt",
        help="series of a new area, whose labels, if any, are not used: fit --start to them",
    )
    recipe = parser.add_argument_group("recipe (where a flag is not given, the recipe decides)")
    recipe.add_argument(
        "--recipe", choices=("modern", "paper"), default="modern", help="see training/recipe.py"
    )
    kinds = {
        "epochs": int,
        "batch_size": int,
        "learning_rate": float,
        "weight_decay": float,
        "patience": int,
        "average": float,
        "label_smoothing": float,
        "clip": float,
        "flip_until": float,
    }
    for name, kind in kinds.items():
        own = getattr(
            settings_of("modern", "patchnet"), name
        )  # where the default network does best with another
        known = getattr(Settings, name)
        note = f"modern: {known}" + f"; patchnet {own}" * (own != known)
        recipe.add_argument(f"--{name.replace('_', '-')}", type=kind, help=note)
    recipe.add_argument("--augment", help=f"with commas, of {', '.join(AUGMENTATIONS)}; or none")
    recipe.add_argument("--class-weights", help="none, balanced, or one number a class with commas")
    machine = parser.add_argument_group("machine")
    machine.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU if any"
    )
    machine.add_argument(
        "--precision", choices=("auto", "float32", "bfloat16"), help="auto: bfloat16 on a GPU"
    )
    machine.add_argument("--threads", type=int, default=0, help="CPU threads; 0 = all cores")
    run = parser.add_argument_group("run")
    run.add_argument(
        "--name", help="of the run; default <data>-<model>, with a number if that is taken"
    )
    run.add_argument("--runs", default="runs", help="folder of the runs")
    run.add_argument("--weights", default="model_data", help="folder of the weights")
    run.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of the split, the first weights, the order, the augmentation",
    )
    run.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run of that name; its flags are remembered",
    )
    return parser


def main():
    options, folder = read_options(make_parser())
    device = start_device(options)
    if options.adapt:
        return fit_to_area(options, folder, device)
    rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
    samples, test = load_data(options)
    share = 0 if test is not None else options.test
    # Validation is drawn as the test is: from sites that training knows, if the test samples are
    # from such.
    known = options.split == "auto" and test is not None and share_sites(samples, test)
    if options.validation is None:
        options.validation = 0.1 if known else 0.15
    split = "sample" if known else options.split
    parts = split_samples(
        samples, split, validation=options.validation, test=share, seed=options.seed
    )
    if options.limit:
        drawn = np.random.default_rng(options.seed).permutation(parts["train"])[: options.limit]
        parts["train"] = np.sort(drawn)
    train, validation = samples.take(parts["train"]), samples.take(parts["validation"])
    test = samples.take(parts["test"]) if test is None else test
    for part, each in {"train": train, "validation": validation, "test": test}.items():
        if not (each.y >= 0).any():
            path = options.test_data if part == "test" and options.test_data else options.data
            raise InputError(
                f"{path}: the {part} part has no labelled series; expected some (see --split)"
            )
    torch.manual_seed(options.seed)
    net = first_network(options, samples).to(device)
    settings = settings_from(options)
    if rank == 0:
        open_run(folder, options, samples, parts)
        print(
            f"{folder.name}: {options.model}, {models.count_parameters(net):,} parameters, {device}; "
            f"series: {len(train)} train, {len(validation)} validation, {len(test)} test"
        )
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
    net, history = fit(net, train, validation, settings, folder=folder, resume=options.resume)
    if rank == 0:
        finish(net, history, train, validation, test, options, settings, folder)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def load_data(options):
    """Samples of --data, and those of --test-data or None."""
    legend = LEGENDS.get(options.legend) or (
        legend_for(listed(options.legend)) if options.legend else None
    )
    same = {
        "first_month": options.first_month,
        "bands": listed(options.bands),
        "classes": listed(options.classes),
    }
    samples = load_samples(options.data, legend=legend, **same)
    if not options.test_data:
        return samples, None
    if options.split not in ("auto", "site", "sample"):
        raise InputError(
            f"--split {options.split}: names a test part; expected auto, site or sample with --test-data"
        )
    test = load_samples(options.test_data, legend=legend or samples.legend, **same)
    if (test.bands, test.legend.names) != (samples.bands, samples.legend.names):
        raise InputError(
            f"{options.test_data}: bands or classes {test.legend.names} found; expected those of "
            f"{options.data}, {samples.legend.names}"
        )
    return samples, test


def share_sites(samples, others):
    """Whether two sets of samples have a site in common, by the names of their sites or by their
    coordinates.
    """
    if samples.site is not None and others.site is not None:
        return bool(np.isin(others.site, samples.site).any())
    if samples.lonlat is None or others.lonlat is None:
        return False
    site = sites_from_coordinates(np.concatenate([samples.lonlat, others.lonlat]))
    return bool(np.isin(site[len(samples) :], site[: len(samples)]).any())


def read_options(parser):
    """Flags, with the remembered ones of a run that is resumed; returns (options, folder of the
    run).
    """
    options = parser.parse_args()
    base = (
        f"{Path(options.adapt).stem}-adapted"
        if options.adapt
        else f"{Path(options.data).stem}-{options.model}"
    )
    base = options.name or base
    runs = Path(options.runs)
    names = [base, *(f"{base}-{number}" for number in range(2, 1000))]
    taken = [name for name in names if (runs / name / "config.json").exists()]
    if options.resume:
        if not taken:
            raise InputError(f"{runs / base}: no run to resume; expected its config.json")
        folder = runs / (base if options.name else taken[-1])
        remembered = json.loads((folder / "config.json").read_text())["options"]
        parser.set_defaults(**remembered)
        options = parser.parse_args()
        changed = [name for name in remembered if getattr(options, name) != remembered[name]]
        if changed:
            flag = "--" + changed[0].replace("_", "-")
            raise InputError(
                f"{folder}: {flag} was {remembered[changed[0]]}; expected the same flags to resume"
            )
    elif options.name and taken:
        raise InputError(f"{runs / base}: this run exists; expected --resume, or another --name")
    else:
        folder = runs / (f"{base}-{len(taken) + 1}" if taken else base)
    return options, folder


def start_device(options):
    """Choose the device, and join the other processes under torchrun."""
    if options.threads:
        torch.set_num_threads(options.threads)
    cuda = torch.cuda.is_available() and options.device in ("auto", "cuda")
    if options.device == "cuda" and not cuda:
        raise InputError(
            "--device cuda: no GPU that torch can use on this machine; expected auto or cpu"
        )
    local = int(os.environ.get("LOCAL_RANK", 0))
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        torch.distributed.init_process_group("nccl" if cuda else "gloo")
    return torch.device("cuda", local) if cuda else torch.device("cpu")


def settings_from(options):
    """Settings of the recipe with the flags that were given."""
    given = {name: getattr(options, name, None) for name in Settings.__dataclass_fields__}
    given = {name: value for name, value in given.items() if value is not None}
    if "augment" in given:
        given["augment"] = () if given["augment"] == "none" else tuple(listed(given["augment"]))
        unknown = sorted(set(given["augment"]) - set(AUGMENTATIONS))
        if unknown:
            raise InputError(
                f"--augment {unknown[0]}: not known; expected {', '.join(AUGMENTATIONS)} or none"
            )
    return settings_of(options.recipe, options.model, **given)


def first_network(options, samples):
    """A new network, or that of --start where it fits the samples."""
    if not options.start:
        return models.build(options.model, bands=samples.bands, legend=samples.legend)
    net = models.load(options.start)
    found = (net.card["network"], net.card["bands"], net.card["legend"].names)
    expected = (options.model, samples.bands, samples.legend.names)
    if found != expected:
        raise InputError(
            f"{options.start}: network, bands, classes {found} found; expected {expected}"
        )
    return net


def open_run(folder, options, samples, parts):
    """Make the folder, with the flags and the split; a resumed run must have the same data."""
    config = {
        "options": {
            name: value for name, value in vars(options).items() if name not in FREE_TO_CHANGE
        },
        "data_sha256": hashlib.sha256(samples.x.tobytes() + samples.y.tobytes()).hexdigest(),
    }
    if (
        options.resume
        and json.loads((folder / "config.json").read_text())["data_sha256"] != config["data_sha256"]
    ):
        raise InputError(
            f"{options.data}: not the data that {folder} began with; expected the same to resume"
        )
    for left_over in folder.glob(".*.part*"):
        left_over.unlink()
    with written_whole(folder / "config.json") as path:
        path.write_text(json.dumps(config, indent=1))
    part_of = pd.concat(
        [pd.DataFrame({"sample": samples.ids[rows], "part": part}) for part, rows in parts.items()]
    )
    with written_whole(folder / "split.csv") as path:
        part_of.to_csv(path, index=False)


def finish(net, history, train, validation, test, options, settings, folder):
    """Read the test part, once; write weights, scores and figures, and say where they are."""
    best = history.iloc[best_row(history, settings)]
    classes = len(test.legend)
    labels, _ = models.label(net, test.x)
    found = {
        "validation": {name: float(best[name]) for name in HISTORY_SCORES},
        "test": filtered_scores(test.y, labels, classes),
    }
    training = TrainingCard(
        data=options.data,
        start=options.start,
        split=options.split,
        seed=options.seed,
        validation=options.validation,
        test=None if options.test_data else options.test,
        test_data=options.test_data,
        series={"train": len(train), "validation": len(validation), "test": len(test)},
        parts={
            "train": train.ids.tolist(),
            "validation": validation.ids.tolist(),
            "test": test.ids.tolist(),
        },
        recipe=options.recipe,
        settings=vars(settings),
        best_epoch=int(best["epoch"]),
        epochs=len(history),
        minutes=round(history["seconds"].sum() / 60, 2),
        cpu_minutes=round(history["cpu_seconds"].sum() / 60, 2),
        parameters=models.count_parameters(net),
        finished=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    models.save(folder / "weights.safetensors", net, training=training.as_dict(), metrics=found)
    with written_whole(folder / "scores.json") as path:
        path.write_text(json.dumps(found | {"training": training.facts()}, indent=1, default=str))
    filtered = majority_filter(labels, 3)
    with written_whole(folder / "transitions.csv") as path:
        transition_scores(test.y, filtered, classes).to_csv(path, index=False)
    draw = {
        "curves": plots.history_figure(history, int(best["epoch"])),
        "confusion": plots.confusion_figure(confusion(test.y, labels, classes), test.legend),
        "transitions": plots.transition_figure(
            transition_matrix(test.y, classes), transition_matrix(filtered, classes), test.legend
        ),
    }
    for name, figure in draw.items():
        with written_whole(folder / f"{name}.png") as path:
            figure.savefig(path, dpi=150)
    weights = Path(options.weights) / f"{folder.name}.safetensors"
    with written_whole(weights) as path:
        shutil.copyfile(folder / "weights.safetensors", path)
    print(
        f"best epoch {int(best['epoch'])} of {len(history)}, {training.minutes} minutes; {len(test)} test series:"
    )
    print("  ".join(f"{name} {found['test'][name]:.4f}" for name in SHOWN if name in found["test"]))
    print(f"weights {weights}; figures and scores in {folder}; to see: python demo.py")


def fit_to_area(options, folder, device):
    """Adapt the weights of --start to the series of --adapt; where these have labels, only the
    scores look at them.
    """
    if not options.start:
        raise InputError("--adapt: no weights to adapt; expected --start WEIGHTS")
    if options.resume:
        raise InputError("--adapt: takes a minute and is not resumed; expected no --resume")
    net = models.load(options.start, device)
    area = load_samples(
        options.adapt,
        first_month=options.first_month,
        bands=net.card["bands"],
        legend=net.card["legend"],
    )
    given = {name: value for name in ADAPT if (value := getattr(options, name)) is not None}
    settings = settings_of("modern", net.card["network"], seed=options.seed, **ADAPT | given)
    adapted = adapt(net, area.x, settings)
    found = {}
    if (area.y >= 0).any() and area.legend.names == net.card["legend"].names:
        found = {
            name: filtered_scores(area.y, models.label(each, area.x)[0], len(area.legend))
            for name, each in (("before", net), ("after", adapted))
        }
    card = {
        "adapted": {
            "data": options.adapt,
            "series": len(area),
            "start": options.start,
            "settings": vars(settings),
        }
    }
    with written_whole(folder / "config.json") as path:
        path.write_text(json.dumps({"options": vars(options)}, indent=1))
    with written_whole(folder / "scores.json") as path:
        path.write_text(json.dumps(found | card, indent=1, default=str))
    weights = Path(options.weights) / f"{folder.name}.safetensors"
    for path in (folder / "weights.safetensors", weights):
        models.save(path, adapted, **card)
    for name, row in found.items():
        print(f"{name:7s}" + "  ".join(f"{score} {row[score]:.4f}" for score in SHOWN))
    print(f"{len(area)} series; weights {weights}")


def listed(text):
    """'a,b' -> ['a', 'b']; None stays."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


if __name__ == "__main__":
    run_main(main)
