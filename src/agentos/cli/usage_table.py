"""Show usage as a table, with the course of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentos.cli.plain_table import Column, Drawn, draw
from agentos.cli.printable import printable
from agentos.cli.terminal import Terminal
from agentos.usage.rows import TIMES

if TYPE_CHECKING:
    from agentos.usage.money import Currency
    from agentos.usage.reports import Report
    from agentos.usage.rows import Row

_BARS = "▁▂▃▄▅▆▇█"
#: How many characters a course takes at most.
_WIDTH = 24


def show(report: Report) -> None:
    """Print a report as a table."""
    terminal = Terminal.of_output()
    if not report.total.calls:
        terminal.print("Nothing was used in this time.")
        return
    table = table_of(report, terminal.width)
    terminal.print(table.head, style="bold")
    for row in table.rows:
        terminal.print(row)
    terminal.print(table.foot, style="bold")
    for note in (*notes(report.total), *table.notes):
        terminal.print(note, style="dim")


def table_of(report: Report, width: int | None) -> Drawn:
    """Draw a report as a table.

    Args:
        report: The report.
        width: How many columns of a terminal it may take; None for any.
    """
    timed = bool(report.by) and report.by[0] in TIMES
    tops = max((row.tokens.total for row in report.rows), default=0)
    courses = [
        bar(row.tokens.total, tops) if timed else sparkline(row.course) for row in report.rows
    ]
    last = Column("", courses, "" if timed else sparkline(report.total.course), spare=len(_SPARE))
    return draw([*_keys(report), *_figures(report), last], width)


def _keys(report: Report) -> list[Column]:
    if not report.by:
        return [Column("", [""] * len(report.rows), "total")]
    return [
        Column(
            group,
            [_word(row.key[place]) for row in report.rows],
            "" if place else "total",
            shrinks=True,
        )
        for place, group in enumerate(report.by)
    ]


def _word(key: str) -> str:
    return printable(key).replace("\n", " ").replace("\t", " ") or "-"


def _figures(report: Report) -> list[Column]:
    rows = [_cells(row, report.currency) for row in report.rows]
    total = _cells(report.total, report.currency)
    return [
        Column(head, [row[place] for row in rows], total[place], right=True, spare=spare)
        for place, (head, spare) in enumerate(_SPARE.items())
    ]


#: The figures, and which a narrow terminal lacks first: the one with the highest number.
_SPARE = {"calls": 2, "input": 3, "cached": 5, "output": 4, "tokens": 0, "cost": 0}


def _cells(row: Row, currency: Currency) -> list[str]:
    counts = (row.calls, row.tokens.input, row.tokens.cached_input, row.tokens.output)
    cost = currency.show(row.cost, at_least=row.unpriced > 0)
    return [*(f"{count:,}" for count in (*counts, row.tokens.total)), cost]


def notes(total: Row) -> list[str]:
    """Say what the figures leave out."""
    said = []
    if total.unpriced:
        said.append(
            f"The price of {total.unpriced:,} calls is not known (agentos prices list); "
            "a cost with ≥ is of the others."
        )
    if total.unmetered:
        said.append(f"Of {total.unmetered:,} calls nobody knows the tokens.")
    return said


def sparkline(course: Sequence[int]) -> str:
    """Draw a course in one line of bars; a step with nothing is a blank."""
    merged = _merged(course)
    top = max(merged, default=0)
    if not top:
        return ""
    return "".join(
        _BARS[min(int(value * len(_BARS) / top), len(_BARS) - 1)] if value else " "
        for value in merged
    )


def _merged(course: Sequence[int]) -> list[int]:
    """Put steps together, so that they fit."""
    size = -(-len(course) // _WIDTH) or 1
    return [sum(course[start : start + size]) for start in range(0, len(course), size)]


def bar(value: int, top: int) -> str:
    """Draw a value as a line of blocks."""
    return "█" * round(value * 12 / top) if top else ""
