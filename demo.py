"""Draw what a network says about single series: bands, true and predicted labels, what changed when.

    python demo.py                                        # four telling samples, with the weights trained last
    python demo.py --data mine.npz --changed --n 10       # ten series with true changes
    python demo.py --wrong                                # where the network is wrong
    python demo.py --sample 12 --sample 407               # these samples
    python demo.py --stack STACK --at 112.93,28.21        # one pixel of a raster stack

One PNG a sample, and on the terminal what changed when. The four telling samples are drawn by rule (see `telling`)
from the test part, which the network has not seen in training.
"""

import argparse
import re
import sys
from pathlib import Path

import numpy as np

import models
from data_loader import BANDS, load_samples, split_samples
from utils.changes import segments
from utils.errors import InputError, run_main
from utils.files import written_whole
from utils.legend import OTHER_CLASS
from utils.plots import series_figure
from utils.words import changes_in_words

HERE = Path(__file__).parent
DEFAULT_DATA = "dataset/urban.npz"
# series, drawn with --seed, that are labelled to choose from: enough to find every case, and quick
LOOKED_AT = 500


def main():
    args = arguments()
    weights = args.weights or last_trained(HERE / "model_data")
    net = models.load(weights)
    if args.stack:
        drawn = pixel_of_stack(args, net)
    else:
        drawn = chosen_samples(args, net)
    print(f"weights: {weights}")
    files = []
    for name, x, months, true, reason in drawn:
        probabilities = models.predict(net, x[None])[0]
        predicted = models.label(net, x[None])[0][0]
        lines = report(months, true, predicted, probabilities, net.card["legend"])
        print("\n".join([f"\n{name} ({reason})", *lines]))
        title = f"{name}, {months[0]} to {months[-1]}\n{verdict(true, predicted)}"
        figure = series_figure(
            x,
            months,
            net.card["bands"],
            net.card["legend"],
            true=true,
            predicted=predicted,
            probabilities=probabilities,
            title=title,
        )
        files.append(args.out / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', name)}.png")
        with written_whole(files[-1]) as part:
            figure.savefig(part)
        print(f"  drawn in {files[-1]}")
    if args.show or (args.show is None and sys.stdout.isatty()):
        show(files)


def arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0],
        allow_abbrev=False,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    what = parser.add_argument_group("what to label with what")
    what.add_argument(
        "--data",
        type=Path,
        help="file or folder of samples (default: what the weights were trained "
        f"on if it is here, else {DEFAULT_DATA})",
        default=argparse.SUPPRESS,
    )
    what.add_argument(
        "--weights",
        type=Path,
        help="weights file (default: the one in model_data/ trained last)",
        default=argparse.SUPPRESS,
    )
    what.add_argument("--first-month", metavar="YYYY-MM", help="for data without dates")
    which = parser.add_argument_group("which samples")
    which.add_argument(
        "--sample",
        action="append",
        metavar="ID",
        help="a sample by its name; give it several times for several",
        default=argparse.SUPPRESS,
    )
    which.add_argument("--changed", action="store_true", help="only series with true changes")
    which.add_argument(
        "--wrong", action="store_true", help="only series whose class sequence is predicted wrongly"
    )
    which.add_argument("--n", type=int, default=4, help="number of samples")
    which.add_argument(
        "--part",
        choices=("train", "validation", "test", "all"),
        default=argparse.SUPPRESS,
        help="part of the split to choose from (default: test on the training data, all on others)",
    )
    which.add_argument(
        "--seed", type=int, default=0, help="of the order in which samples are looked at"
    )
    pixel = parser.add_argument_group("a pixel of a raster stack instead")
    pixel.add_argument("--stack", type=Path, help="a stack as map.py takes it")
    pixel.add_argument("--at", metavar="LON,LAT", help="place in degrees")
    out = parser.add_argument_group("output")
    out.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder for the PNG files")
    out.add_argument(
        "--show",
        action=argparse.BooleanOptionalAction,
        default=argparse.SUPPRESS,
        help="open the figures in windows (default: if there is a screen and a terminal)",
    )
    defaults = {"data": None, "weights": None, "sample": None, "part": None, "show": None}
    # argparse would take the minus of a western longitude for a flag.
    words = re.sub(r"(^|\0)--at\0", r"\1--at=", "\0".join(sys.argv[1:]))
    args = parser.parse_args(words.split("\0") if words else [], argparse.Namespace(**defaults))
    if args.n < 1:
        raise InputError(f"--n {args.n}: expected at least 1 sample")
    if bool(args.stack) != bool(args.at):
        raise InputError("--stack and --at belong together; expected --stack STACK --at LON,LAT")
    return args


def last_trained(folder):
    """The weights file whose card has the latest time of training: file times are new in every
    clone.
    """
    files = sorted(folder.glob("*.safetensors"))
    if len(files) < 2:
        if not files:
            raise InputError(
                f"{folder}: no weights in it; expected a .safetensors (python run.py trains one)"
            )
        return files[0]
    return max(
        files, key=lambda file: str(models.load(file).card.get("training", {}).get("finished", ""))
    )


def pixel_of_stack(args, net):
    """The series of one pixel, as a list of one (name, x, months, true labels, why it was
    chosen).
    """
    try:
        from mapping.stack import read_series
    except ImportError as error:
        raise InputError(
            f"--stack needs {error.name}; expected pip install -r mapping/requirements.txt"
        ) from error
    try:
        lon, lat = (float(part) for part in args.at.split(","))
    except ValueError:
        raise InputError(
            f"--at {args.at}: expected LON,LAT in degrees, such as 112.93,28.21"
        ) from None
    x, months = read_series(args.stack, (lon, lat), first_month=args.first_month)
    if not np.isfinite(x).any():
        raise InputError(f"{args.stack}: no observation at {args.at}; expected a pixel with data")
    x = x[[BANDS.index(band) for band in net.card["bands"]]]
    return [(f"{args.stack.stem} at {args.at}", x, months, None, "a pixel of a stack")]


def chosen_samples(args, net):
    """The samples to draw: a list of (name, x, months, true labels, why it was chosen)."""
    training = net.card.get("training", {})
    trained_on = found(training.get("data"))
    path = args.data or trained_on or HERE / DEFAULT_DATA
    samples = samples_for(path, net.card, args.first_month)
    if args.sample:
        unknown = sorted(set(args.sample) - set(samples.ids))
        if unknown:
            raise InputError(
                f"--sample {unknown[0]}: not in {path}; expected ids such as {', '.join(samples.ids[:3])}"
            )
        rows = [(np.flatnonzero(samples.ids == name)[0], "as asked") for name in args.sample]
    else:
        shares = {
            name: training[name] for name in ("validation", "test", "seed") if name in training
        }
        part = args.part or ("test" if trained_on and trained_on.samefile(path) else "all")
        pool = np.arange(len(samples))
        if part != "all":
            pool = split_samples(samples, training.get("split", "auto"), **shares)[part]
        rows = telling(samples, pool, net, args)
    return [
        (
            f"sample {samples.ids[row]}",
            samples.x[row],
            samples.months_of(row),
            samples.y[row],
            reason,
        )
        for row, reason in rows
    ]


def found(name):
    """The path the card names, from here or from the repository, or None if it is not on this
    machine.
    """
    paths = [Path(name), HERE / name] if name else []
    return next((path for path in paths if path.exists()), None)


def samples_for(path, card, first_month):
    """Load samples with the bands and the classes of the weights; raises InputError where they do
    not fit.
    """
    merged = (
        OTHER_CLASS in card["legend"].names
    )  # trained with --classes: the data name more classes than the weights
    options = {"first_month": first_month, "bands": card["bands"]}
    samples = load_samples(path, legend=None if merged else card["legend"], **options)
    kept = [name for name in card["legend"].names if name in samples.legend.names]
    if samples.legend.names != card["legend"].names and merged and kept:
        samples = load_samples(path, classes=kept, **options)
    if samples.legend.names != card["legend"].names:
        (here, there) = (
            f"{len(each)} classes ({', '.join(each.names)})"
            for each in (samples.legend, card["legend"])
        )
        raise InputError(
            f"{path}: {here} found; the weights expected {there}; give other --data or --weights"
        )
    return samples


def telling(samples, pool, net, args):
    """Choose --n samples by rule: a list of (row, why).

    A seeded order of the pool, and of it the first 500, are labelled. With --changed or --wrong:
    the first of such. Else, in turns: the next with one true change and the right class sequence;
    with two or more and the right sequence; without change and right, the one with the strongest
    season first; with a wrong sequence.
    """
    order = np.random.default_rng(args.seed).permutation(pool)
    if args.changed:
        order = order[[len(classes) > 1 for classes in sequences(samples.y[order])]]
    order = order[:LOOKED_AT]
    labels = models.label(net, samples.x[order])[0] if len(order) else samples.y[order]
    true = sequences(samples.y[order])
    predicted = sequences(np.where(samples.y[order] >= 0, labels, -1))
    cases = {
        "one change, right": [],
        "several changes, right": [],
        "no change, strongest season, right": [],
        "wrong": [],
        "no true labels": [],
    }
    for row, classes, answer in zip(order, true, predicted):
        right = ("no change, strongest season", "one change", "several changes")[
            min(max(len(classes) - 1, 0), 2)
        ]
        case = (
            "no true labels" if not classes else f"{right}, right" if classes == answer else "wrong"
        )
        cases[case].append(row)
    cases["no change, strongest season, right"].sort(key=lambda row: -season(samples, row))
    if args.wrong:
        cases = {"wrong": cases["wrong"]}
    elif args.changed:
        why = {row: case for case, rows in cases.items() for row in rows}
        return [(row, why[row]) for row in order[: args.n]] or nothing(
            "--changed", "has a true change"
        )
    turns = [
        (row, case)
        for turn in range(args.n)
        for case, rows in cases.items()
        for row in rows[turn : turn + 1]
    ]
    return turns[: args.n] or nothing(
        "--wrong", f"of the {len(order)} looked at is labelled wrongly"
    )


def nothing(flag, what):
    raise InputError(
        f"{flag}: no series {what}; expected one at least (see --data, --part, --seed)"
    )


def sequences(labels):
    """The classes of each series in their order: a list of N tuples; an unlabelled series gives
    ().
    """
    runs = segments(labels)
    return [tuple(runs.label[runs.series == row].tolist()) for row in range(len(labels))]


def season(samples, row):
    """Strength of the season: the spread (10 to 90 %) of NDVI, else of the band that varies most.
    For choosing only.
    """
    x = samples.x[row]
    if {"B4", "B8"} <= set(
        samples.bands
    ):  # snow and clouds brighten both bands, so they count less than leaves
        red, infrared = (x[samples.bands.index(band)] for band in ("B4", "B8"))
        x = ((infrared - red) / np.maximum(infrared + red, 1))[None]
    low, high = np.nanpercentile(x[np.isfinite(x).any(axis=1)], (10, 90), axis=1)
    return (high - low).max(initial=0)


def report(months, true, predicted, probabilities, legend):
    """What changed when, in words: a line for the truth where it is known and one for the
    prediction.
    """
    lines = []
    for name, labels, sure in (("true", true, None), ("predicted", predicted, probabilities)):
        if labels is None or (labels < 0).all():
            continue
        words = changes_in_words(labels, months, legend, sure) or [
            f"no change, {legend.names[labels.max()]}"
        ]
        lines.append(f"  {name + ':':<10} {'; '.join(words)}")
    return lines


def verdict(true, predicted):
    """One sentence that judges the prediction."""
    if true is None or (true < 0).all():
        return "no true labels: only what the network says"
    known = true >= 0
    right, answer = sequences(np.where(known, [true, predicted], -1).astype(np.int8))
    same = (true == predicted)[known].mean()
    text = "right: the true classes in the true order" if right == answer else "wrong"
    return (
        f"prediction {text}; changes: {len(answer) - 1} predicted, {len(right) - 1} true; "
        f"{100 * same:.0f} % of the months right"
    )


def show(files):
    """Open the figures in windows; says so and goes on where there is no screen."""
    from matplotlib import pyplot

    try:
        screen = pyplot.figure(files[0].stem).canvas.required_interactive_framework
    except ImportError:  # a window was asked for by MPLBACKEND, and there is none
        screen = None
    if screen is None:
        print("no screen found: the figures are in the files only")
        return
    for file in files:
        axes = pyplot.figure(file.stem, figsize=(13, 9)).add_axes((0, 0, 1, 1))
        axes.imshow(pyplot.imread(file))
        axes.axis("off")
    pyplot.show()


if __name__ == "__main__":
    run_main(main)
