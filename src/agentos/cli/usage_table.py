"""Show usage: tables with the course of each row, and lines for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentos.cli.render import printable
from agentos.usage.rows import TIMES

if TYPE_CHECKING:
    from agentos.usage.money import Currency
    from agentos.usage.questions import PricedCall
    from agentos.usage.reports import Report
    from agentos.usage.rows import Row

_BARS = "▁▂▃▄▅▆▇█"
#: How many characters a course takes at most.
_WIDTH = 24
#: How wide tables are for a file or another program.
_PIPED = 200


def show(report: Report) -> None:
    """Print a report as a table."""
    console = wide_console()
    if not report.total.calls:
        console.print("Nothing was used in this time.")
        return
    console.print(table_of(report))
    for note in notes(report.total):
        console.print(note, style="dim")


def table_of(report: Report) -> Table:
    """Lay a report out as a table."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    for number, group in enumerate(report.by):
        table.add_column(group, footer="" if number else "total", no_wrap=True, overflow="ellipsis")
    if not report.by:
        table.add_column("", footer="total")
    for name, footer in zip(_HEADS, _cells(report.total, report.currency), strict=True):
        table.add_column(name, footer=footer, justify="right", no_wrap=True)
    timed = bool(report.by) and report.by[0] in TIMES
    table.add_column("", footer=sparkline(report.total.course) if not timed else "")
    tops = max((row.tokens.total for row in report.rows), default=0)
    for row in report.rows:
        keys = [Text(printable(key) or "-") for key in row.key]
        last = bar(row.tokens.total, tops) if timed else sparkline(row.course)
        table.add_row(*(keys or [Text("")]), *_cells(row, report.currency), last)
    return table


_HEADS = ("calls", "input", "cached", "output", "tokens", "cost")


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


def show_calls(calls: Iterable[PricedCall], where: tzinfo, currency: Currency) -> None:
    """Print calls one by one."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("at", "kind", "model"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for name in ("input", "cached", "output", "cost"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("written on", overflow="fold")
    for priced in calls:
        call, tokens = priced.call, priced.call.tokens
        counts = (tokens.input, tokens.cached_input, tokens.output) if tokens else ()
        cost = None if priced.cost is None else currency.of(priced.cost)
        table.add_row(
            call.at.astimezone(where).strftime("%Y-%m-%d %H:%M:%S"),
            Text(printable(call.kind)),
            Text(printable(f"{call.provider}/{call.model}".strip("/"))),
            *([f"{count:,}" for count in counts] or ["unknown"] * 3),
            currency.show(cost),
            Text(printable(str(call.provenance))),
        )
    wide_console().print(table)


def wide_console() -> Console:
    """Return where tables go; they are not cut for a file or another program."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _PIPED)
    return console


def plain_call(priced: PricedCall) -> dict[str, Any]:
    """Return a call as JSON has it."""
    from dataclasses import asdict

    call = asdict(priced.call)
    return {"number": priced.number, **call, "at": priced.call.at.isoformat(), "cost": priced.cost}
