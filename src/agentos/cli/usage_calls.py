"""Show calls one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import tzinfo
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agentos.cli.printable import printable
from agentos.usage.money import Currency
from agentos.usage.questions import PricedCall

#: How wide tables are for a file or another program.
_PIPED = 200


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
    call = asdict(priced.call)
    return {"number": priced.number, **call, "at": priced.call.at.isoformat(), "cost": priced.cost}
