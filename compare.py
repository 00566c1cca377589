"""Every method on one split, in one table; and the paper's studies.

    python compare.py                                      # all methods on the samples that ship
    python compare.py --data coast.npz --methods ccdc,bfast,forest,patchnet --split site
    python compare.py --methods ccdc,runs/urban/weights.safetensors  # weights are not trained again
    python compare.py --study size --methods patchnet,forest  # bands, size, transfer, class or gaps

Methods: ccdc, bfast, bfast_monitor, forest (single months), forest_filter (forest and a majority
filter), the networks of run.py, fcn-paper (the published network and recipe), and weights files of
run.py that were trained on the same split. Needs `pip install -r comparing/requirements.txt`.
Leaves a folder with the table (CSV, Markdown), figures and config.json. An interrupted comparison
goes on when called again.
"""

import os

from comparing.comparison import DATA, compare
from comparing.studies import STUDIES, STUDY_METHODS
from utils.errors import run_main
from utils.flags import Parser, names, whole_number


def make_parser():
    parser = Parser(__doc__)
    add_data_flags(parser)
    add_method_flags(parser)
    add_run_flags(parser)
    return parser


def add_data_flags(parser):
    data = parser.add_argument_group("data")
    data.add_argument("--data", default=DATA, help="samples, in any format of data_loader.py")
    data.add_argument("--first-month", metavar="YYYY-MM", help="of arrays without dates")
    data.add_argument(
        "--bands", type=names, help="bands to use, separated by commas; all if not given"
    )
    data.add_argument(
        "--classes",
        type=names,
        help="classes to keep, separated by commas; the others become one class; "
        "all are kept if not given",
    )
    data.add_argument(
        "--split", default="auto", help="auto, site, sample, province:A,B, or a file of ids"
    )
    data.add_argument(
        "--train-size",
        type=whole_number(at_least=0),
        default=0,
        metavar="N",
        help="series to train with, drawn at random; 0 = all",
    )


def add_method_flags(parser):
    methods = parser.add_argument_group("methods")
    methods.add_argument(
        "--methods",
        type=names,
        help="separated by commas; weights files of run.py too, except in a study. "
        f"If not given: all; in a study {', '.join(STUDY_METHODS)}",
    )
    methods.add_argument(
        "--study",
        choices=STUDIES,
        help="; ".join(f"{name}: {text}" for name, text in STUDIES.items()),
    )
    methods.add_argument(
        "--epochs",
        type=whole_number(at_least=0),
        default=0,
        help="epochs of the networks; 0 = as the recipe says",
    )
    methods.add_argument(
        "--seed",
        type=whole_number(at_least=0, at_most=2**31 - 1),
        default=0,
        help="of the split and of the methods",
    )
    methods.add_argument(
        "--repeats",
        type=whole_number(at_least=0, at_most=1000),
        default=0,
        help="seeds of each method; 0 = 3 in the study of size, else 1",
    )


def add_run_flags(parser):
    run = parser.add_argument_group("run")
    run.add_argument(
        "--processes",
        type=whole_number(at_least=1),
        default=os.cpu_count() or 1,
        help="methods that run at the same time, each in its own process",
    )
    run.add_argument(
        "--threads", type=whole_number(at_least=1), default=1, help="threads of each process"
    )
    run.add_argument("--out", help="folder of the results; runs/compare or runs/study_NAME")
    run.add_argument("--table", help="write scores.csv here too, for benchmarks/tables.py")


def main():
    compare(**vars(make_parser().parse_args()))


if __name__ == "__main__":
    run_main(main)
