"""Draw what a network says about single series: bands, labels, and what changed when.

    python demo.py                                    # four telling samples
    python demo.py --data mine.npz --changed --n 10   # ten series with true changes
    python demo.py --wrong                            # where the network is wrong
    python demo.py --sample 12 --sample 407           # these samples
    python demo.py --stack STACK --at 112.93 28.21    # one pixel of a raster stack

One PNG a sample, and on the terminal what changed when. The four telling samples are drawn by rule
(see drawing/telling.py) from the test part, which the network has not seen in training.

In a notebook: `files = draw("model_data/urban.safetensors", changed=True, n=2)`.
"""

import argparse
import re
import sys
from pathlib import Path

import numpy as np

import models
from drawing.choice import DEFAULT_DATA, default_weights, pixel_of_stack, series_of_samples
from drawing.telling import sequences
from mapping.unfinished import link_to_page
from utils.errors import InputError, run_main
from utils.files import claimed, written_whole
from utils.flags import Parser, add_reading_flags, number, whole_number
from utils.plots import series_figure
from utils.words import changes_in_words

LONGEST_NAME = 120  # characters of a file name


def make_parser():
    """Return the command line. The names of its flags are the arguments of `draw`."""
    parser = Parser(__doc__)
    flag = parser.add_argument_group("what to label with what").add_argument
    flag(
        "--data",
        help="file or folder of samples; None: what the weights were tested on, if it is here, "
        f"else {DEFAULT_DATA}",
    )
    flag(
        "--weights",
        help="weights file; None: those of your last run in model_data/, else world.safetensors",
    )
    flag = parser.add_argument_group("which samples").add_argument
    flag(
        "--sample",
        action="append",
        metavar="ID",
        help="a sample by its name; give this flag several times for several samples",
    )
    flag("--changed", action="store_true", help="only series with true changes")
    flag("--wrong", action="store_true", help="only series with a wrong sequence of classes")
    flag("--n", type=whole_number(at_least=1), default=4, help="number of samples")
    flag(
        "--part",
        choices=("train", "validation", "test", "all"),
        help="part to choose from; None: test on the data of the weights, all on other data",
    )
    flag(
        "--seed",
        type=whole_number(at_least=0),
        default=0,
        help="of the order in which samples are looked at",
    )
    add_pixel_flags(parser.add_argument_group("a pixel of a raster stack instead").add_argument)
    flag = parser.add_argument_group("output").add_argument
    flag("--out", default="runs/demo", help="folder for the PNG files")
    flag(
        "--show",
        action=argparse.BooleanOptionalAction,
        help="open the figures in windows; None: if there is a screen and a terminal",
    )
    return parser


def add_pixel_flags(flag):
    """Add the flags that choose one pixel of a raster stack, and that say how to read the stack."""
    flag("--stack", help="a stack as map.py takes it")
    flag(
        "--at",
        nargs=2,
        type=number(at_least=-180, at_most=180),
        metavar=("LON", "LAT"),
        help="place in degrees; LON,LAT in one word is read, too",
    )
    flag(
        "--product",
        action="append",
        metavar="YEAR=RASTER",
        help="land cover of a year that is decoded with the network, as map.py does",
    )
    flag("--product-legend", metavar="NAME", help="as map.py takes it")
    add_reading_flags(flag)


def main():
    flags = vars(make_parser().parse_args(two_words(sys.argv[1:])))
    show = flags.pop("show")
    files = draw(**flags)
    if show or (show is None and sys.stdout.isatty()):
        show_files(files)


def two_words(words):
    """Return the words of a command line, with LON,LAT after --at as two words.

    argparse would take a western longitude in one word, '-63.5,-9.25', for a flag.
    """
    result = []
    for word in words:
        if word.startswith("--at="):
            result.append("--at")
            word = word.removeprefix("--at=")
        if result[-1:] == ["--at"]:
            result += [part for part in word.split(",") if part]
        else:
            result.append(word)
    return result


def draw(
    weights=None,
    data=None,
    *,
    sample=None,
    changed=False,
    wrong=False,
    n=4,
    part=None,
    seed=0,
    stack=None,
    at=None,
    first_month=None,
    scale=None,
    offset="none",
    nodata=(),
    product=None,
    product_legend=None,
    out="runs/demo",
):
    """Draw series, tell on the terminal what changed when, and return the paths of the PNG files.

    weights, data, sample (a list of names), changed, wrong, n, part, seed, first_month, out: as the
    flags of the command line. stack, at (longitude, latitude), scale, offset, nodata: one pixel of
    a raster stack is drawn instead of samples, see `stacks.stack.open_stack`. product: a list of
    YEAR=RASTER, decoded with the network; product_legend: see `mapping.evidence.find_evidence`.
    Raises InputError for whatever cannot be used, before any file is written.
    """
    of_samples = {"data": data, "sample": sample, "changed": changed, "wrong": wrong, "part": part}
    check_together(stack, at, product, of_samples)
    weights = Path(weights or default_weights())
    net = models.load(weights)
    print(f"weights: {weights}")
    if stack:
        reading = {"first_month": first_month, "scale": scale, "offset": offset, "nodata": nodata}
        drawn = [pixel_of_stack(net, Path(stack), at, product, product_legend, **reading)]
    else:
        rule = {"changed": changed, "wrong": wrong, "n": n, "seed": seed}
        drawn = series_of_samples(net, data, first_month, part, sample, **rule)
    with claimed(out) as folder:
        files = draw_all(drawn, net.card, folder)
    if stack and (link := link_to_page(stack, at)):
        print(f"the same pixel on its map: {link}")
    return files


def check_together(stack, at, product, of_samples):
    """Raise InputError for --stack without --at or --product without --stack, and for flags of
    samples beside --stack.
    """
    if product and not stack:
        raise InputError("--product: found without --stack; expected both")
    if bool(stack) != bool(at):
        raise InputError("--stack and --at belong together; expected --stack STACK --at LON LAT")
    if not stack:
        return
    if abs(at[1]) > 90:
        raise InputError(f"--at {at[0]:g} {at[1]:g}: expected longitude and latitude in degrees")
    for flag, value in of_samples.items():
        if value:
            raise InputError(f"--{flag}: found with --stack; expected one of the two")


def draw_all(drawn, card, folder):
    """Draw each Series into the folder; returns the paths of the files."""
    names = file_names([series.name for series in drawn])
    files = [folder / name for name in names]
    for series, file in zip(drawn, files, strict=True):
        draw_series(series, card, file)
    return files


def file_names(names):
    """Return a name of a PNG file for each name, no two alike.

    Letters of all languages stay; other signs, such as blanks, become an underscore.
    """
    files = []
    for name in names:
        stem = re.sub(r"[^\w.-]+", "_", name)[:LONGEST_NAME]
        number = 1
        while (file := f"{stem}-{number}.png" if number > 1 else f"{stem}.png") in files:
            number += 1
        files.append(file)
    return files


def draw_series(series, card, file):
    """Draw one Series, write the figure, and tell on the terminal what changed when."""
    legend, months = card["legend"], series.months
    labels = {"true": series.true, "predicted": series.predicted}
    figure = series_figure(
        series.x,
        months,
        card["bands"],
        legend,
        **labels,
        probabilities=series.probabilities,
        title=f"{series.name}, {months[0]} to {months[-1]}\n{verdict(**labels)}",
    )
    with written_whole(file) as part:
        figure.savefig(part)
    print(f"\n{series.name} ({series.reason})")
    for name, known, confidence in (
        ("true", series.true, None),
        ("predicted", series.predicted, series.probabilities),
    ):
        if known is not None and (known >= 0).any():
            words = changes_in_words(known, months, legend, confidence)
            words = words or [f"no change, {legend.names[known.max()]}"]
            print(f"  {name + ':':<10} {'; '.join(words)}")
    print(f"  drawn in {file}")


def verdict(true, predicted):
    """Return one sentence that judges the prediction."""
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


def show_files(files):
    """Open the figures in windows; say so and go on where there is no screen."""
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
