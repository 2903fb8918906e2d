"""Costs: today by model, how the day went, and the budgets."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from agentos.cli.top import words
from agentos.cli.top.picture import Budget, Costs, ModelUse, Picture
from agentos.cli.usage_table import sparkline

_BAR = 20
#: From here on a budget is nearly used up.
_NEARLY = 0.8


class CostsView(VerticalScroll):
    """What was used today, and how much may be."""

    can_focus = True

    def __init__(self) -> None:
        super().__init__(id="costs-view")
        self._shown: tuple[Costs, tuple[Budget, ...]] | None = None

    def compose(self) -> ComposeResult:
        """Make the one text that it is."""
        yield Static("", id="costs-text")

    def show(self, picture: Picture) -> None:
        """Show a picture's costs and budgets."""
        if self._shown != (picture.costs, picture.budgets):
            self._shown = picture.costs, picture.budgets
            parts = [_costs(picture.costs), Text(""), _budgets(picture.budgets)]
            self.query_one("#costs-text", Static).update(Group(*parts))


def _costs(costs: Costs) -> Table | Text:
    if not costs.total.calls:
        return Text("Nothing was used today.", "dim")
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True, expand=True)
    table.add_column("today by model", footer="total", no_wrap=True, overflow="ellipsis", ratio=1)
    total = _cells(costs.total, costs.currency)
    for name, footer in zip(("calls", "tokens", "cost"), total, strict=True):
        table.add_column(name, footer=footer, justify="right", no_wrap=True)
    table.add_column("by hour", footer=sparkline(costs.total.course), width=24, no_wrap=True)
    for use in costs.models:
        model = Text(words.one_line(use.model) or "unknown model")
        table.add_row(model, *_cells(use, costs.currency), sparkline(use.course))
    return table


def _cells(use: ModelUse, currency: str) -> list[str]:
    return [f"{use.calls:,}", words.tokens(use.tokens), words.cost_of_use(use, currency)]


def _budgets(budgets: tuple[Budget, ...]) -> Table | Text:
    if not budgets:
        return Text("No budget is set: `agentos budget set` makes one.", "dim")
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("budget", no_wrap=True, overflow="ellipsis", ratio=1)
    for name in ("limit", "used"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", width=_BAR, no_wrap=True)
    table.add_column("by midnight", justify="right", no_wrap=True)
    for each in budgets:
        what = Text(words.one_line(each.name))
        ahead = Text(words.share(each.share_ahead), _style(each.share_ahead))
        used = Text(words.share(each.share), _style(each.share))
        table.add_row(what, each.limit, used, _bar(each.share), ahead)
    return table


def _bar(share: float | None) -> Text:
    """Draw how much of a budget is used up."""
    if share is None:
        return Text("")
    filled = min(round(share * _BAR), _BAR)
    return Text.assemble(("█" * filled, _style(share) or "green"), ("░" * (_BAR - filled), "dim"))


def _style(share: float | None) -> str:
    if share is None or share < _NEARLY:
        return ""
    return "bold red" if share >= 1 else "yellow"
