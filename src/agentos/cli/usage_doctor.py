"""`agentos usage doctor`: the files and lines that a number comes from."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from agentos.cli.render import printable
from agentos.cli.usage_calls import wide_console
from agentos.store import Store
from agentos.usage.explain import Explanation, line_at
from agentos.usage.ingest import IngestReport
from agentos.usage.ledger import Ledger
from agentos.usage.prices import Tokens
from agentos.usage.questions import PricedCall, priced_calls
from agentos.usage.reading.entry import Problem
from agentos.usage.selection import Selection


@dataclass(frozen=True)
class Findings:
    """What explains a number.

    Attributes:
        explanation: The files.
        calls: The first calls, if lines are wanted.
        read: What was new.
    """

    explanation: Explanation
    calls: list[PricedCall]
    read: IngestReport

    @property
    def problems(self) -> list[Problem]:
        """What was not counted, and what could not be looked into just now."""
        found = self.explanation.problems
        return found + [each for each in self.read.problems if not each.line and each not in found]


async def explained(selection: Selection, lines: int, read: bool) -> Findings:
    """Find out what explains the sum of some calls.

    Args:
        selection: Which calls.
        lines: Of how many calls to tell the lines.
        read: Whether to read what is new first.
    """
    store = await Store.open()
    try:
        ledger = Ledger(store)
        new = await ledger.ingest() if read else IngestReport()
        calls = await priced_calls(store, selection, limit=lines) if lines else []
        return Findings(await ledger.explain(selection), calls, new)
    finally:
        await asyncio.shield(store.close())


def show(findings: Findings) -> None:
    """Print what explains a number."""
    found = findings.explanation
    console = wide_console()
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    table.add_column("file", footer="total", overflow="fold")
    sums = [f"{sum(share.calls for share in found.files):,}", "", *_counts(found.tokens)]
    heads = ("calls", "lines", "input", "cached", "output", "tokens")
    for name, footer in zip(heads, sums, strict=True):
        table.add_column(name, footer=footer, justify="right", no_wrap=True)
    table.add_column("")
    for share in found.files:
        lines = f"{share.first_line}-{share.last_line}"
        notes = ["gone; the ledger remembers it"] if share.gone else []
        notes += [f"{share.derived} are differences of totals"] if share.derived else []
        cells = [f"{share.calls:,}", lines, *_counts(share.tokens), "; ".join(notes)]
        table.add_row(Text(printable(share.file)), *cells)
    console.print(table)
    for priced in findings.calls:
        line = line_at(priced.call.provenance)
        text = line.decode("utf-8", "replace") if line else "(it is no more there)"
        typer.echo(f"{printable(str(priced.call.provenance))}: {printable(text)}")
    # A newer client may write thousands of lines that nobody knows: the first of a kind is shown.
    alike = Counter((each.file, each.message) for each in findings.problems)
    for problem in findings.problems:
        if number := alike.pop((problem.file, problem.message), 0):
            more = f" (and {number - 1:,} lines more)" if number > 1 else ""
            typer.echo(f"not counted: {printable(str(problem))}{more}")
    for warning in findings.read.warnings:
        typer.echo(f"warning: {printable(warning)}")


def show_json(findings: Findings) -> None:
    """Print it as one JSON object."""
    found = findings.explanation
    said: dict[str, Any] = {
        "files": [asdict(share) for share in found.files],
        "tokens": asdict(found.tokens),
        "calls": [
            {"identity": each.call.identity, "provenance": asdict(each.call.provenance)}
            for each in findings.calls
        ],
        "problems": [asdict(problem) for problem in findings.problems],
        "warnings": findings.read.warnings,
    }
    typer.echo(json.dumps(said, indent=2))


def _counts(tokens: Tokens) -> list[str]:
    counts = (tokens.input, tokens.cached_input, tokens.output, tokens.total)
    return [f"{count:,}" for count in counts]
