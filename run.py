"""Train a network, keep the best epoch on validation, read the test part once.

    python run.py                                      # the simulated urban set, default network
    python run.py --data coast.npz --model fcn --recipe paper
    python run.py --data mine.csv --split province:SD,FJ     # test on the sites SD_... and FJ_...
    python run.py --resume                             # go on after an interruption
    python run.py --adapt area.npz --start model_data/mine.safetensors   # fit to unlabelled series
    torchrun --nproc-per-node 2 run.py --data coast.npz      # several GPUs, or CPU processes

Leaves runs/<name>/ (config.json, history.csv, scores.json, split.csv, figures) and
model_data/<name>.safetensors. In a notebook: training.pipeline.train and adapt_to_area.
"""

import models
from training.augment import AUGMENTATIONS
from training.pipeline import FIRST, adapt_to_area, base_name, train
from training.recipe import ADAPTING_USES
from training.results import summary, table_of
from training.runs import remembered, run_to_resume
from utils.errors import InputError, run_main
from utils.flags import Parser, names, number, whole_number

# What --adapt uses of the flags, beside the settings.
ADAPT_FLAGS = ("adapt", "start", "first_month", "seed", "device", "threads", "name", "runs")
ADAPT_FLAGS += ("weights", *ADAPTING_USES)


def make_parser():
    parser = Parser(__doc__)
    data_flags(parser.add_argument_group("data"))
    network_flags(parser.add_argument_group("network"))
    recipe_flags(
        parser.add_argument_group("recipe (where a flag is not given, the recipe decides)")
    )
    run_flags(parser.add_argument_group("machine"), parser.add_argument_group("run"))
    return parser


def data_flags(group):
    add = group.add_argument
    add("--data", default=FIRST["data"], help=".npz, .npy, .csv, .parquet or a folder of CSV")
    add("--first-month", help="YYYY-MM, of arrays without dates (published: 2017-12)")
    add("--legend", help="urban, coast, or class names with commas: for labels without names")
    add("--bands", type=names, help="bands to use, with commas; all ten if not given")
    add("--classes", type=names, help="classes to keep, with commas; the others become 'other'")
    add("--split", default="auto", help="auto, site, sample, province:A,B, or a file of ids")
    add(
        "--validation",
        type=number(above=0, below=1),
        help="share that chooses the epoch: 0.15 of the sites if not given; "
        "0.1 of the series, with --test-data from the same sites",
    )
    add(
        "--test",
        type=number(above=0, below=1),
        default=0.15,
        help="share of the sites that is read once, at the end",
    )
    add(
        "--test-data",
        help="test on these samples instead of a part of --data. If they are from the same sites, "
        "--split auto draws the validation part from all sites too",
    )
    add(
        "--limit",
        type=whole_number(at_least=0),
        default=0,
        help="train on this many series only, drawn at random; 0 = all",
    )


def network_flags(group):
    add = group.add_argument
    add("--model", default=FIRST["model"], help=f"one of {', '.join(models.NETWORKS)}")
    add("--start", help="weights to start from, of the same network, bands and classes")
    add(
        "--adapt",
        help="series of a new area: fit the weights of --start to them. "
        "Their labels, if any, serve for the scores alone",
    )


def recipe_flags(group):
    add = group.add_argument
    add("--recipe", choices=("modern", "paper"), default=FIRST["recipe"], help="of the training")
    add(
        "--epochs",
        type=whole_number(at_least=1),
        help="modern: 12; patchnet 100, patchnet_large 80",
    )
    add(
        "--batch-size", type=whole_number(at_least=1), help="series; modern: 64; patchnet_large 128"
    )
    add(
        "--learning-rate",
        type=number(above=0),
        help="modern: 0.002; patchnet 0.005, patchnet_large 0.004",
    )
    add("--weight-decay", type=number(at_least=0), help="modern: 0.02")
    add(
        "--patience",
        type=whole_number(at_least=0),
        help="epochs without a better validation score before stopping, 0 = never; modern: 0",
    )
    add(
        "--average",
        type=number(at_least=0, below=1),
        help="decay of the running mean of the weights, 0 = none; modern: 0.998",
    )
    add("--label-smoothing", type=number(at_least=0, below=1), help="share; modern: 0.0")
    add("--clip", type=number(at_least=0), help="largest gradient, 0 = none; modern: 1.0")
    add(
        "--flip-until",
        type=number(at_least=0, at_most=1),
        help="share of the epochs after which flip is left out; modern: 1.0; "
        "patchnet 0.5, patchnet_large 0.5",
    )
    add(
        "--augment",
        type=augmentations,
        help=f"with commas, of {', '.join(AUGMENTATIONS)}; or none",
    )
    add("--class-weights", help="none, balanced, or one number for each class with commas")


def run_flags(machine, run):
    add = machine.add_argument
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU if any")
    add(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        help="of the training; auto: bfloat16 on a GPU",
    )
    add(
        "--threads",
        type=whole_number(at_least=0, at_most=1024),
        default=0,
        help="of the CPU; 0 = all cores",
    )
    add = run.add_argument
    add("--name", help="of the run; default <data>-<model>, with a number if that is taken")
    add("--runs", default="runs", help="folder of the runs")
    add("--weights", default="model_data", help="folder of the weights")
    add(
        "--seed",
        type=whole_number(at_least=0, at_most=2**32 - 1),
        default=0,
        help="of the split, the first weights, the order, the augmentation",
    )
    add(
        "--resume",
        action="store_true",
        help="go on with the run of --name, or with the newest unfinished one; "
        "its flags are remembered",
    )


def augmentations(text):
    """'flip,gaps' -> ('flip', 'gaps'); 'none' -> ()."""
    return () if text == "none" else names(text)


def main():
    parser = make_parser()
    options = vars(parser.parse_args())
    if options["adapt"]:
        return adapt_with(options, parser)
    if options["resume"]:
        options = with_remembered(options, parser)
    del options["adapt"]
    trained = train(**options)
    if trained is not None:  # one process of several says it
        print(summary(trained))


def adapt_with(options, parser):
    """Run --adapt; raises InputError for flags that it would ignore."""
    if not options["start"]:
        raise InputError("--adapt: no weights to adapt; expected --start WEIGHTS")
    if options["resume"]:
        raise InputError("--adapt: takes a minute and is not resumed; expected no --resume")
    given = [name for name in options if options[name] != parser.get_default(name)]
    unused = ["--" + name.replace("_", "-") for name in given if name not in ADAPT_FLAGS]
    if unused:
        raise InputError(f"--adapt: has no use for {', '.join(unused)}; expected to run without")
    used = {name: options[name] for name in ADAPT_FLAGS if name != "adapt"}
    adapted = adapt_to_area(options["adapt"], **used)
    if adapted.scores:
        print(table_of(adapted.scores))
    print(f"weights {adapted.weights}; scores in {adapted.folder}")


def with_remembered(options, parser):
    """The flags again, with those of the run that is resumed as defaults."""
    base = base_name(options["data"], options["model"])
    folder = run_to_resume(options["runs"], base, options["name"])
    flags = remembered(folder)
    parser.set_defaults(**{name: flags[name] for name in flags if name in options})
    return vars(parser.parse_args()) | {"name": folder.name}


if __name__ == "__main__":
    run_main(main)
