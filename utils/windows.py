"""A window: the part of an area that is worked on at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """Rows and columns of a grid, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def name(self):
        return f"{self.top:07d}_{self.left:07d}"

    @property
    def slices(self):
        """Rows and columns."""
        rows = slice(self.top, self.top + self.height)
        columns = slice(self.left, self.left + self.width)
        return rows, columns
