"""One line for a status bar, which asks for it after each answer: so it has to come at once.

It reads the sums in SQLite's own way; the libraries that all else uses take longer to load than
the line may take. What the ledger has not read yet is not in it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from select import select

from agentos.config import home_dir
from agentos.errors import AgentOsError
from agentos.usage.money import DOLLAR, Currency
from agentos.usage.plain_store import open_plain
from agentos.usage.price_table import known_prices, parse_price
from agentos.usage.prices import Prices, Tokens

TYPE_CHECKING = False  # importing typing takes too long
if TYPE_CHECKING:
    from typing import IO, Any

_TOKENS = ("input", "cached_input", "cache_write", "output", "reasoning", "cache_write_hour")
_GROUPS = ("provider", "model", "tier", "context", "priced")
_SUMS = "usage_quarter join usage_caller on id = caller_id"
_SESSION_DAYS = 30
_LARGEST = 1_000_000


def main() -> int:
    """Print the line, and return the exit code: 1 if there is none."""
    try:
        sys.stdout.write(text(told(sys.stdin)) + "\n")
    except (AgentOsError, OSError, ValueError, KeyError, TypeError, sqlite3.Error) as error:
        sys.stderr.write(f"agentos: the status line cannot be told: {error}\n")
        return 1
    return 0


def told(stream: IO[str]) -> dict[str, Any]:
    """Return what the client tells of its session, if it tells anything."""
    if stream.isatty() or not select([stream], [], [], 0.0)[0]:
        return {}
    try:
        said = json.loads(os.read(stream.fileno(), _LARGEST) or b"{}")
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def text(said: dict[str, Any], zone: str | None = None) -> str:
    """Return the line.

    Args:
        said: What the client tells: `session_id`, and perhaps `cost.total_cost_usd`.
        zone: Where the day begins; by default as `agentos.toml` says, or here.
    """
    settings = _settings()
    usage = settings.get("usage", {})
    currency = _currency(usage)
    now = time.time()
    session = str(said.get("session_id") or said.get("thread_id") or "")
    today = own = _Sum()
    found = open_plain()
    if found is not None:
        try:
            midnight = _midnight(zone or usage.get("time_zone"), now)
            began = now - _SESSION_DAYS * 86400 if session else midnight
            prices = _prices(settings, found, began)
            today = _sum(found, prices, now, midnight)
            if session:
                own = _sum(found, prices, now, began, session)
        finally:
            found.close()
    parts = [f"today {today.cost(currency)}", f"{_short(today.tokens)} tokens"]
    if own.calls:
        parts.append(f"session {own.cost(currency)}")
    elif (dollars := _told_cost(said)) is not None:
        parts.append(f"session {currency.show(currency.of(dollars))}")
    return " · ".join(parts)


def _told_cost(said: dict[str, Any]) -> float | None:
    """Return what the client itself reckons that its session cost, in US dollars."""
    cost = said.get("cost")
    dollars = cost.get("total_cost_usd") if isinstance(cost, dict) else None
    return float(dollars) if isinstance(dollars, int | float) else None


class _Sum:
    """What some calls used."""

    calls = unpriced = tokens = 0
    dollars = 0.0

    def cost(self, currency: Currency) -> str:
        if self.calls and self.unpriced == self.calls:
            return currency.show(None)
        return currency.show(currency.of(self.dollars), at_least=self.unpriced > 0)


def _sum(
    database: sqlite3.Connection, prices: Prices, now: float, since: float, session: str = ""
) -> _Sum:
    total = _Sum()
    epochs = [moment for moment in prices.changes if since < moment < now]
    for begin, end in zip([since, *epochs], [*epochs, now + 86400], strict=True):
        _add(total, database, prices, begin, end, session)
    return total


def _add(
    total: _Sum,
    database: sqlite3.Connection,
    prices: Prices,
    begin: float,
    end: float,
    session: str,
) -> None:
    sums = ", ".join(f"sum({name})" for name in ("calls", "unmetered", "price", *_TOKENS))
    groups = ", ".join(_GROUPS)
    whose = " and caller_id in (select id from usage_caller where session = ?)"
    where = "quarter >= ? and quarter < ?" + (whose if session else "")
    query = f"select {groups}, {sums} from {_SUMS} where {where} group by {groups}"
    bound = (begin, end, session) if session else (begin, end)
    for (
        provider,
        model,
        tier,
        context,
        priced,
        calls,
        unmetered,
        price,
        *counts,
    ) in database.execute(query, bound):
        tokens = Tokens(*counts)
        total.calls += calls
        total.tokens += tokens.total
        if priced:
            total.dollars += price
            continue
        known = prices.of(provider, model, begin)
        rates = known.rates(tier, context + 1) if known else None
        total.unpriced += unmetered if rates else calls
        total.dollars += rates.sum(tokens) if rates else 0.0


def _settings() -> dict[str, Any]:
    """Read `agentos.toml` without checking it, which is what everything else does."""
    path: Path = home_dir() / "agentos.toml"
    try:
        words = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    if "usage" not in words and "prices" not in words:
        return {}
    import tomllib

    return tomllib.loads(words)


def _prices(settings: dict[str, Any], database: sqlite3.Connection, since: float) -> Prices:
    """Return the prices of the models that were called since then."""
    query = f"select distinct provider || '/' || model from {_SUMS} where quarter >= ?"
    names = {name for (name,) in database.execute(query, (since,))}
    own = settings.get("prices", {})
    return known_prices({name: parse_price(own[name]) for name in names & own.keys()}, names)


def _currency(usage: dict[str, Any]) -> Currency:
    code = usage.get("currency", DOLLAR.code)
    return DOLLAR if code == DOLLAR.code else Currency(code, float(usage["rates"][code]))


def _midnight(zone: str | None, now: float) -> float:
    """Return when today began."""
    where: tzinfo | None = None
    if zone:
        from zoneinfo import ZoneInfo

        where = ZoneInfo(zone)
    local = datetime.fromtimestamp(now, where)
    begin = local.replace(hour=0, minute=0, second=0, microsecond=0)
    while datetime.fromtimestamp(begin.timestamp(), where).date() < local.date():
        begin += timedelta(minutes=15)  # a day whose midnight was skipped
    return begin.timestamp()


def _short(count: int) -> str:
    for size, sign in ((1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")):
        if count >= size:
            return f"{count / size:.1f}{sign}"
    return str(count)
