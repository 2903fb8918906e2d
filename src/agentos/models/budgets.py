"""Budgets: how much may be spent, by whom, and a stop that holds."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from agentos.errors import BudgetExceeded, ConfigInvalid
from agentos.models.rates import Bucket, RateExceeded
from agentos.usage.prices import Price, Tokens

Scope = Literal["session", "profile", "day"]
#: What a call may put out when it does not say.
MOST_OUTPUT = 128_000
#: How long what other processes spend may go unseen, in seconds.
FRESH_SECONDS = 5.0


@dataclass(frozen=True)
class Budget:
    """A limit on what model calls use; the call that would begin beyond it is refused.

    While little is left, calls wait for each other, so that in the end at most the one call
    in flight goes over the limit.

    Args:
        money: US dollars.
        tokens: Input and output tokens.
        per: What it counts together: each session, each profile, or each day (UTC) of all.
        profile: Only calls of this profile.
        calls_per_minute: A rate; what is over it is told when to come again.
        tokens_per_minute: The same for tokens.

    Raises:
        ConfigInvalid: It limits nothing, or a limit is not a positive number.

    Example:
        `Budget(money=2.50)` for a session, `Budget(tokens=5_000_000, per="day")` for all.
    """

    money: float | None = None
    tokens: int | None = None
    per: Scope = "session"
    profile: str | None = None
    calls_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def __post_init__(self) -> None:
        limits = (self.money, self.tokens, self.calls_per_minute, self.tokens_per_minute)
        given = [limit for limit in limits if limit is not None]
        if not given or not all(limit > 0 and math.isfinite(limit) for limit in given):
            raise ConfigInvalid(
                f"{self} limits nothing, or by no positive number",
                hint="give money=, tokens=, calls_per_minute= or tokens_per_minute=",
            )
        if self.per not in ("session", "profile", "day"):
            raise ConfigInvalid(
                f"a budget is per session, profile or day, not {self.per!r}", hint='per="session"'
            )

    def __str__(self) -> str:
        parts = []
        if self.money is not None:
            parts.append(f"${self.money:g}")
        if self.tokens is not None:
            parts.append(f"{self.tokens:,} tokens")
        whose = f" of profile {self.profile}" if self.profile else ""
        return f"the budget of {' and '.join(parts) or 'nothing'} per {self.per}{whose}"


@dataclass(frozen=True)
class Payer:
    """Whose call it is, as far as budgets care.

    Args:
        session: What a session is told by.
        profile: Its profile.
        budget: A budget of its own.
    """

    session: str
    profile: str = ""
    budget: Budget | None = None


@dataclass(frozen=True)
class Most:
    """What a call can use up at most; money is infinite where it cannot be told."""

    tokens: float
    money: float

    @classmethod
    def of(cls, body_size: int, max_output: int | None, price: Price | None) -> Most:
        """Bound a call by its request: a token is at least a byte."""
        tokens = Tokens(input=body_size, output=max_output or MOST_OUTPUT)
        return cls(tokens.total, math.inf if price is None else price.at_most(tokens))


@dataclass
class Spent:
    """What was used up."""

    money: float = 0.0
    tokens: int = 0

    def grow_to(self, other: Spent) -> None:
        """Take over what another count has more."""
        self.money = max(self.money, other.money)
        self.tokens = max(self.tokens, other.tokens)


class _Account:
    """What one budget has counted for one session, profile or day."""

    def __init__(self, budget: Budget, clock: Callable[[], float]) -> None:
        self.budget = budget
        self.spent = Spent()
        self.fresh_until = -math.inf
        self.held: list[Most] = []
        self.changed = asyncio.Event()
        calls, tokens = budget.calls_per_minute, budget.tokens_per_minute
        self._calls = None if calls is None else Bucket(calls, clock)
        self._tokens = None if tokens is None else Bucket(tokens, clock)

    def check(self) -> None:
        budget, spent = self.budget, self.spent
        if budget.money is not None and spent.money >= budget.money:
            raise _exceeded(budget, f"${spent.money:.4f} are spent")
        if budget.tokens is not None and spent.tokens >= budget.tokens:
            raise _exceeded(budget, f"{spent.tokens:,} tokens are used")
        for bucket, needed, what in ((self._calls, 1, "calls"), (self._tokens, 1, "tokens")):
            if bucket is not None and (wait := bucket.wait(needed)):
                rate = f"{bucket.size:g} {what} a minute"
                raise RateExceeded(f"the rate of {rate} per {budget.per} is used up", wait)

    @property
    def has_room(self) -> bool:
        """Whether a call may begin though those in flight may still use what they can."""
        if not self.held:
            return True
        budget, spent = self.budget, self.spent
        tokens = spent.tokens + sum(most.tokens for most in self.held)
        if budget.tokens is not None and tokens >= budget.tokens:
            return False
        if budget.money is None:
            return True
        return spent.money + sum(most.money for most in self.held) < budget.money

    def hold(self, most: Most) -> None:
        self.held.append(most)
        if self._calls:
            self._calls.take(1)

    def settle(self, most: Most, tokens: int, money: float) -> None:
        self.held.remove(most)
        self.spent.tokens += tokens
        self.spent.money += money
        if self._tokens:
            self._tokens.take(tokens)
        self.changed.set()
        self.changed = asyncio.Event()


class Admission:
    """A call that may begin; settle it when it is over."""

    def __init__(self, accounts: Sequence[_Account], most: Most) -> None:
        self._accounts = accounts
        self._most = most

    @property
    def counts_money(self) -> bool:
        """Whether some budget counts what it costs."""
        return any(account.budget.money is not None for account in self._accounts)

    def settle(self, tokens: int = 0, money: float = 0.0) -> None:
        """Book what the call has used; once."""
        accounts, self._accounts = self._accounts, ()
        for account in accounts:
            account.settle(self._most, tokens, money)


History = Callable[[Budget, str], Awaitable[Spent]]


class Budgets:
    """All budgets that hold, and what was spent of each.

    Args:
        budgets: Those for everybody.
        history: Tells what a budget's session, profile or day has spent earlier and elsewhere.
        clock: Seconds that never jump, for rates.
        today: The date, for budgets per day.
    """

    def __init__(
        self,
        budgets: Sequence[Budget] = (),
        *,
        history: History | None = None,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], str] = lambda: datetime.now(UTC).date().isoformat(),
    ) -> None:
        self._budgets = tuple(budgets)
        self._history = history
        self._clock = clock
        self._today = today
        self._accounts: dict[tuple[Budget, str], _Account] = {}

    def of(self, payer: Payer) -> list[Budget]:
        """Name the budgets that a payer's calls count towards."""
        own = () if payer.budget is None else (payer.budget,)
        every = dict.fromkeys((*self._budgets, *own))
        return [budget for budget in every if budget.profile in (None, payer.profile)]

    def counts_money(self, payer: Payer) -> bool:
        """Whether a budget in money holds for a payer."""
        return any(budget.money is not None for budget in self.of(payer))

    async def admit(self, payer: Payer, most: Most) -> Admission:
        """Let a call begin, as soon as those in flight leave enough for it.

        Raises:
            BudgetExceeded: A budget is used up.
            RateExceeded: A rate is.
        """
        accounts = [await self._account(budget, payer) for budget in self.of(payer)]
        while True:
            for account in accounts:
                account.check()
            full = next((account for account in accounts if not account.has_room), None)
            if full is None:
                break
            await full.changed.wait()
        for account in accounts:
            account.hold(most)
        return Admission(accounts, most)

    def forget(self, session: str) -> None:
        """Let go of what a session that has ended had spent."""
        for key in [key for key in self._accounts if key[0].per == "session" and key[1] == session]:
            del self._accounts[key]

    async def _account(self, budget: Budget, payer: Payer) -> _Account:
        scope = {"session": payer.session, "profile": payer.profile, "day": ""}[budget.per]
        if budget.per == "day":
            scope = self._today()
        account = self._accounts.get((budget, scope))
        if account is None:
            account = _Account(budget, self._clock)
            for (other, where), known in self._accounts.items():
                if (other.per, other.profile, where) == (budget.per, budget.profile, scope):
                    account.spent.grow_to(known.spent)  # a budget that was raised begins there
            self._accounts[budget, scope] = account
        if self._history is not None and self._clock() >= account.fresh_until:
            spent = await self._history(budget, scope)
            account.spent.grow_to(spent)
            account.fresh_until = self._clock() + FRESH_SECONDS
        return account


def _exceeded(budget: Budget, how: str) -> BudgetExceeded:
    return BudgetExceeded(f"{budget} is used up: {how}", hint="raise the budget to go on")
