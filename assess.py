"""Say how far a map can be trusted: a sample, blind interpretation, accuracy, areas and dates.

python assess.py design maps/city --points 600 --out assess/city     # strata, points, a page
(double click assess/city/index.html, interpret, save reference.csv into assess/city)
python assess.py report assess/city                                  # accuracy, areas, dates

python assess.py report assess/city --map maps/city-2      # the map made again, same points
python assess.py agreement assess/city ann.csv bo.csv      # two interpreters
python assess.py reference assess/city --from parcels.gpkg --field crop --classes maize=cropland
python assess.py design maps/city --for training           # points to train on
"""

from utils.errors import InputError, run_main
from utils.flags import Parser, number, whole_number


def make_parser():
    """The command line."""
    parser = Parser(__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    add_design(commands.add_parser("design", description="Draw a sample of a map's points."))
    add_report(commands.add_parser("report", description="Estimate accuracy, areas and dates."))
    add_agreement(commands.add_parser("agreement", description="Compare two interpreters."))
    add_reference(commands.add_parser("reference", description="Take ground truth as reference."))
    return parser


def add_design(parser):
    parser.add_argument("map", metavar="MAP", help="folder that map.py wrote")
    parser.add_argument("--out", help="folder to make; None: assess/NAME OF MAP")
    flag = parser.add_argument_group("points").add_argument
    flag("--points", type=whole_number(at_least=1), default=600, help="points of the sample")
    flag(
        "--se",
        type=number(above=0, below=0.5),
        help="wanted standard error of the overall accuracy, such as 0.01; sets the points",
    )
    flag("--minimum", type=whole_number(at_least=2), default=30, help="points for each stratum")
    flag("--seed", type=whole_number(at_least=0), default=0, help="of the draw")
    flag(
        "--for",
        dest="purpose",
        choices=("accuracy", "training"),
        default="accuracy",
        help="training: points spread by class and place, no probability sample",
    )
    flag = parser.add_argument_group("strata").add_argument
    flag("--by", choices=("type", "year"), default="type", help="strata of change")
    flag(
        "--rare",
        type=number(at_least=0, below=1),
        default=0.005,
        metavar="SHARE",
        help="kinds of change on less than this share of the area are one stratum",
    )
    flag("--strata", metavar="FILE", help="raster on the map's grid whose numbers are the strata")
    flag = parser.add_argument_group("page").add_argument
    flag("--stack", help="what the chips are cut from; None: what the map was made from")
    flag("--more-classes", nargs="+", default=[], metavar="NAME", help="classes beside the map's")
    flag("--no-page", action="store_true", help="write the points only")
    flag("--overwrite", action="store_true", help="replace the design in OUT")


def add_report(parser):
    parser.add_argument("folder", metavar="FOLDER", help="folder of assess.py design")
    parser.add_argument("--reference", metavar="FILE", help="None: FOLDER/reference.csv")
    parser.add_argument(
        "--map", metavar="MAP", help="another map on the same grid; None: the design's"
    )
    parser.add_argument(
        "--without-unsure", action="store_true", help="leave out points marked unsure"
    )
    parser.add_argument(
        "--apart",
        type=whole_number(at_least=3),
        default=12,
        metavar="MONTHS",
        help="a change of the map that lies farther from a true change does not date it",
    )


def add_agreement(parser):
    parser.add_argument("folder", metavar="FOLDER", help="folder of assess.py design")
    parser.add_argument("one", metavar="FILE", help="reference file of one interpreter")
    parser.add_argument("other", metavar="FILE", help="reference file of the other")


def add_reference(parser):
    parser.add_argument("folder", metavar="FOLDER", help="folder of assess.py design")
    parser.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        required=True,
        help="raster of classes, polygons, or samples in any format of data_loader.py",
    )
    flag = parser.add_argument
    flag("--field", default="class", metavar="NAME", help="field of the polygons with the class")
    flag(
        "--classes",
        nargs="+",
        default=[],
        metavar="NAME=CLASS",
        help="class of the design for a class (or number) of FILE; NAME= gives no label",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FOLDER/reference.csv")


def main(words=None):
    args = make_parser().parse_args(words)
    {"design": run_design, "report": run_report, "agreement": run_agreement}.get(
        args.command, run_reference
    )(args)


def run_design(args):
    from assessing.design import design  # reading flags takes no time; rasterio does

    if args.strata and args.by != "type":
        raise InputError("--by: found with --strata, expected one of the two")
    folder, made = design(
        args.map,
        args.out,
        points=args.points,
        se=args.se,
        minimum=args.minimum,
        rare=args.rare,
        by=args.by,
        strata=args.strata,
        seed=args.seed,
        training=args.purpose == "training",
        more_classes=args.more_classes,
        stack=args.stack,
        page=not args.no_page,
        overwrite=args.overwrite,
    )
    points, pixels = len(made.points["id"]), made.of_strata("pixels").sum()
    print(f"{folder}: {points:,} points of {pixels:,} pixels, in {len(made.strata)} strata")
    print("  points            ha  ha per point  stratum")
    for stratum in made.strata:
        number, hectares = stratum["points"], stratum["hectares"]
        each = f"{hectares / number:12,.2f}" if number else " " * 12
        print(f"  {number:6} {hectares:13,.1f}  {each}  {stratum['name']}")
    if not args.no_page:
        print(f"{folder}: double click index.html to interpret them")


def run_report(args):
    from assessing.report import report

    made = report(
        args.folder,
        args.reference,
        map_folder=args.map,
        unsure=not args.without_unsure,
        apart=args.apart,
    )
    print(f"{made}: read report.md first")


def run_agreement(args):
    from assessing.agreement import agreement

    print(agreement(args.folder, args.one, args.other))


def run_reference(args):
    from assessing.fill import fill_reference
    from assessing.known import parse_classes

    classes = parse_classes(args.classes)
    overwrite = args.overwrite
    print(fill_reference(args.folder, args.source, args.field, classes, overwrite=overwrite))


if __name__ == "__main__":
    run_main(main)
