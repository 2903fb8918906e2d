"""A table that keeps its cursor on a row while the rows change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.strip import Strip
from textual.widgets import DataTable

from agentos.cli.top.views.aim import Aim
from agentos.cli.top.words import one_line

#: Blanks on both sides of a cell.
_PADDING = 2


@dataclass(frozen=True)
class Row:
    """A row.

    Attributes:
        key: Which one; it stays the same while the cells change.
        cells: Texts of anybody's.
        style: Of the first cell.
    """

    key: str
    cells: tuple[str, ...]
    style: str = ""


class RowTable(DataTable[Text]):
    """A table whose last column takes the width that is left.

    Args:
        columns: Names and widths; the last one's is its least.
        empty: What to say where there is no row.
        id: Of the widget.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select_cursor", "Open")]

    def __init__(self, columns: Sequence[tuple[str, int]], *, empty: str, id: str) -> None:
        super().__init__(id=id, cursor_type="row", zebra_stripes=False)
        self._widths = columns
        self._empty = empty
        self._rows_shown: list[Row] = []
        self.aim = Aim()

    def on_mount(self) -> None:
        """Make the columns."""
        for name, width in self._widths:
            self.add_column(name, width=width, key=name)

    def on_resize(self, event: Resize) -> None:
        """Give the last column what is left."""
        self._draw()

    @property
    def chosen(self) -> str | None:
        """The key of the row under the cursor."""
        if not self._rows_shown or self.cursor_row >= len(self._rows_shown):
            return None
        return self._rows_shown[self.cursor_row].key

    def put(self, rows: Sequence[Row]) -> None:
        """Show rows; the cursor stays on its row, wherever that is now."""
        if list(rows) != self._rows_shown:
            before, place = self.chosen, self.cursor_row
            self._rows_shown = list(rows)
            self._draw()
            keys = [row.key for row in rows]
            there = keys.index(before) if before in keys else min(place, max(len(rows) - 1, 0))
            if before not in keys:
                self.aim.moved(before, keys[there] if keys else None)
            self.move_cursor(row=there, animate=False)

    def render_line(self, y: int) -> Strip:
        """Say what to do where there is nothing to see."""
        if self._rows_shown or y != 1:
            return super().render_line(y)
        return Strip([Segment(self._empty, Style(dim=True))]).crop(0, self.size.width)

    def _draw(self) -> None:
        if not self.columns or not self.size.width:
            return
        last = self.ordered_columns[-1]
        others = sum(width + _PADDING for _, width in self._widths[:-1])
        last.width = max(self.size.width - others - _PADDING, self._widths[-1][1])
        place, top = self.cursor_row, self.scroll_y
        with self.app.batch_update():
            self.clear()
            widths = [*(width for _, width in self._widths[:-1]), last.width]
            for row in self._rows_shown:
                cells = [Text(one_line(c, w)) for c, w in zip(row.cells, widths, strict=True)]
                cells[0].stylize(row.style)
                self.add_row(*cells, key=row.key)
            self.move_cursor(row=place, animate=False, scroll=False)
            self.scroll_to(y=top, animate=False)
