"""Sizes, colours and names that all figures share."""

WIDTH, LEFT, RIGHT = 12.0, 1.35, 0.6  # inches: the figure, and beside its panels
PANEL = WIDTH - LEFT - RIGHT
LANE = 0.19  # inches, one line of words
SMALL, TINY = 9, 8  # points
LONGEST_NAME = 36  # characters of a class name in a figure
TRUE_LINE = {"color": "black", "linewidth": 1.6}
PREDICTED_LINE = {"color": "#c2007a", "linewidth": 1.6, "linestyle": (0, (4, 2))}
MISSING, UNLABELLED, GRID = "#d4d4d4", "#f2f2f2", "#e3e3e3"


def shorten(name):
    """Return a class name of bounded length; a dollar sign would begin a formula."""
    if len(name) > LONGEST_NAME:
        name = name[: LONGEST_NAME - 1] + "…"
    return name.replace("$", r"\$")
