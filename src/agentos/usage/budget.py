"""What a day may cost, what it has cost so far, and what it will if it goes on like this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from agentos.errors import ConfigInvalid
from agentos.usage.calendar import Span, span_of

if TYPE_CHECKING:
    from agentos.models.budgets import Budget
    from agentos.store import Store
    from agentos.usage.prices import Prices
    from agentos.usage.rows import Row


@dataclass(frozen=True)
class ProjectBudget:
    """What a project may use in a day.

    Args:
        project: Its directory.
        money: In US dollars.
        tokens: Input and output tokens.

    Raises:
        ConfigInvalid: It limits nothing.
    """

    project: str
    money: float | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        if self.money is None and self.tokens is None:
            raise ConfigInvalid(
                f"the budget of {self.project} limits nothing", hint="give money or tokens"
            )


@dataclass(frozen=True)
class BudgetStatus:
    """A budget, and how far it is used up.

    Attributes:
        scope: What it counts together: `day`, `profile` or `session`.
        project, profile: Only calls of these count, if they are named.
        money: The limit in US dollars, None if there is none.
        tokens: The limit in tokens, likewise.
        enforced: Whether the gateway refuses calls beyond it; then only its calls count.
        cost: What was spent, in US dollars; None if no price is known, or of single sessions.
        used: Tokens, likewise.
        unpriced: Calls whose price is not known: at least `cost` was spent.
        cost_ahead: What the day will have cost if it goes on as it began; None but of days.
        tokens_ahead: Tokens, likewise.
    """

    scope: str
    money: float | None
    tokens: int | None
    enforced: bool
    project: str | None = None
    profile: str | None = None
    cost: float | None = None
    used: int | None = None
    unpriced: int = 0
    cost_ahead: float | None = None
    tokens_ahead: int | None = None

    @property
    def share(self) -> float | None:
        """How much of the limit is used up; over 1 if it is exceeded; None if nobody knows."""
        return _share(self.cost, self.money, self.used, self.tokens)

    @property
    def share_ahead(self) -> float | None:
        """How much of it will be used up at the end of the day if it goes on like this."""
        return _share(self.cost_ahead, self.money, self.tokens_ahead, self.tokens)


def _share(
    cost: float | None, money: float | None, used: int | None, tokens: int | None
) -> float | None:
    pairs = ((cost, money), (used, tokens))
    shares = [spent / limit for spent, limit in pairs if spent is not None and limit is not None]
    return max(shares, default=None)


async def budget_statuses(
    store: Store,
    gateway: Sequence[Budget],
    projects: Sequence[ProjectBudget],
    *,
    prices: Prices,
    where: tzinfo,
    now: datetime,
) -> list[BudgetStatus]:
    """Tell how far budgets are used up, and how far they will be.

    Args:
        store: Where the ledger is.
        gateway: Those that the gateway holds calls to; their days are in UTC.
        projects: Those of projects.
        prices: What calls cost whose sources did not say.
        where: The zone in which the days of projects begin.
        now: The time of day.
    """
    from agentos.usage.reports import make_report
    from agentos.usage.selection import Selection

    found = [await _gateway_status(store, budget, prices, now) for budget in gateway]
    today = span_of("today", where, now)
    for each in projects:
        chosen = Selection(today.since, today.until, projects=(each.project,))
        row = (await make_report(store, (), prices=prices, where=where, selection=chosen)).total
        status = BudgetStatus("day", each.money, each.tokens, False, project=each.project)
        found.append(_ahead(_spent(status, row), today, now))
    return found


async def _gateway_status(
    store: Store, budget: Budget, prices: Prices, now: datetime
) -> BudgetStatus:
    from agentos.usage.reports import make_report
    from agentos.usage.selection import Selection

    status = BudgetStatus(budget.per, budget.money, budget.tokens, True, profile=budget.profile)
    if budget.per == "session" or (budget.per == "profile" and budget.profile is None):
        return status  # each session or profile has its own
    day = span_of("today", UTC, now) if budget.per == "day" else Span()
    profiles = () if budget.profile is None else (budget.profile,)
    chosen = Selection(day.since, day.until, profiles=profiles, sources=("gateway",))
    row = (await make_report(store, (), prices=prices, where=UTC, selection=chosen)).total
    return _ahead(_spent(status, row), day, now)


def _spent(status: BudgetStatus, row: Row) -> BudgetStatus:
    return replace(status, cost=row.cost, used=row.tokens.total, unpriced=row.unpriced)


def _ahead(status: BudgetStatus, day: Span, now: datetime) -> BudgetStatus:
    if day.since is None or day.until is None:
        return status
    # Nothing can be told from the first minutes.
    passed = max(now - day.since, timedelta(minutes=15))
    times = max((day.until - day.since) / passed, 1.0)
    cost = None if status.cost is None else status.cost * times
    return replace(status, cost_ahead=cost, tokens_ahead=round((status.used or 0) * times))
