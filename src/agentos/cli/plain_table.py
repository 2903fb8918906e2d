"""Tables for a terminal, drawn without a library that takes longer to import than all else.

A figure is never cut: where there is no room, whole columns are left out, which is said below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

_GAP = "  "
#: Columns of a terminal that a word keeps when others need room.
_LEAST = 12


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        head: What stands above it.
        cells: One of each row.
        foot: What stands below it.
        right: It ends where the others of it do, as figures should.
        shrinks: Its cells may be cut.
        spare: The highest is left out first if there is no room; 0 is never left out.
    """

    head: str
    cells: Sequence[str]
    foot: str
    right: bool = False
    shrinks: bool = False
    spare: int = 0

    @property
    def width(self) -> int:
        """How many columns of a terminal the widest of it takes."""
        return max(map(width_of, (self.head, *self.cells, self.foot)))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A table as lines.

    Attributes:
        head: The line above.
        rows: The lines between.
        foot: The line below.
        notes: What it lacks, in words.
    """

    head: str
    rows: list[str]
    foot: str
    notes: list[str] = field(default_factory=list)


def draw(columns: Sequence[Column], width: int | None) -> Drawn:
    """Draw a table.

    Args:
        columns: Its columns, all of as many cells.
        width: How many columns of a terminal it may take; None for any.
    """
    widths = {place: column.width for place, column in enumerate(columns)}
    if width is not None:
        _fit(columns, widths, width)
    lines = zip(*([each.head, *each.cells, each.foot] for each in columns), strict=True)
    head, *rows, foot = (_line(columns, widths, cells) for cells in lines)
    lacking = [each.head for place, each in enumerate(columns) if place not in widths]
    named = ", ".join(name for name in lacking if name)
    notes = [f"The terminal is too narrow for: {named} (--json has all)."] if named else []
    return Drawn(head, rows, foot, notes)


def _fit(columns: Sequence[Column], widths: dict[int, int], width: int) -> None:
    """Make columns narrower, or leave them out, until a line is no wider than it may be."""

    def room() -> int:
        return width - sum(widths.values()) - len(_GAP) * (len(widths) - 1)

    words = [place for place, column in enumerate(columns) if column.shrinks]

    def shrink(least: int) -> None:
        while room() < 0:
            widest = max(words, key=widths.__getitem__, default=None)
            if widest is None or widths[widest] <= least:
                return
            widths[widest] -= 1

    spare = sorted((column.spare, place) for place, column in enumerate(columns) if column.spare)
    while room() < 0 and spare:
        before = {place: widths[place] for place in words}
        shrink(_LEAST)
        if room() < 0:
            del widths[spare.pop()[1]]
            widths.update(before)
    shrink(1)


def _line(columns: Sequence[Column], widths: dict[int, int], cells: Sequence[str]) -> str:
    drawn = []
    for place, width in widths.items():
        text = cut(cells[place], width)
        blank = " " * (width - width_of(text))
        drawn.append(blank + text if columns[place].right else text + blank)
    return _GAP.join(drawn).rstrip()


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def cut(text: str, width: int) -> str:
    """Return a text that takes no more columns of a terminal; what is lacking is shown by `…`."""
    if width_of(text) <= width:
        return text
    kept, left = "", width - 1
    for character in text:
        left -= _width(character)
        if left < 0:
            break
        kept += character
    return kept + "…"


def _width(character: str) -> int:
    if character.isascii() or "▁" <= character <= "█":
        return 1
    import unicodedata  # only who has such words pays for its tables

    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
