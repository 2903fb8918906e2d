"""`agentos usage` as it is mostly asked: from the sums of the ledger, if no file has grown.

What this answers, and what it prints, is what the whole command does, in a tenth of the time: to
load the parser, the store's library and the settings takes longer than to ask. Anything unusual
is left to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

from agentos.config import data_dir, home_dir
from agentos.errors import AgentOsError
from agentos.store.migrations import HEAD
from agentos.usage.plain_store import open_plain

if TYPE_CHECKING:
    from agentos.usage.calendar import Period
    from agentos.usage.homes import UsageHome
    from agentos.usage.reports import Report
    from agentos.usage.rows import Group


def answer(words: Sequence[str]) -> bool:
    """Print a report; False, and nothing is printed, if the whole command has to.

    Args:
        words: Those after `agentos usage`.
    """
    asked = _asked(words)
    try:
        if asked is None or _has_settings():
            return False
        database = open_plain()
        if database is None:
            return False
        with closing(database):
            database.execute("begin")
            found = _report(asked, database)
    except (AgentOsError, sqlite3.Error, OSError, UnicodeDecodeError):
        return False  # the whole command tells what is wrong
    if found is None:
        return False
    from agentos.cli.usage_report import show_report

    show_report(found, as_json="--json" in asked.options, as_csv="--csv" in asked.options)
    return True


@dataclass(slots=True)
class _Asked:
    period: Period | None = None
    by: list[Group] = field(default_factory=list)
    options: set[str] = field(default_factory=set)


_OPTIONS = ("--json", "--csv", "--no-read")


def _asked(words: Sequence[str]) -> _Asked | None:
    """Understand what is asked; None if it is anything unusual."""
    from agentos.usage.calendar import Period
    from agentos.usage.rows import Group

    asked, left = _Asked(), list(words)
    if left and left[0] in get_args(Period):
        asked.period = left.pop(0)  # type: ignore[assignment]
    while left:
        word = left.pop(0)
        if word in _OPTIONS:
            asked.options.add(word)
        elif word == "--by" and left and left[0] in get_args(Group):
            asked.by.append(left.pop(0))  # type: ignore[arg-type]
        else:
            return None
    return None if {"--json", "--csv"} <= asked.options else asked


def _has_settings() -> bool:
    """Tell whether the settings say anything of usage: checking them takes a library."""
    try:
        words = (home_dir() / "agentos.toml").read_text("utf-8")
    except FileNotFoundError:
        return False
    return "usage" in words or "prices" in words


def _report(asked: _Asked, database: sqlite3.Connection) -> Report | None:
    from agentos.usage.calendar import Span, span_of, zone
    from agentos.usage.money import DOLLAR
    from agentos.usage.price_table import known_prices
    from agentos.usage.reports import summed
    from agentos.usage.selection import Selection

    def ask(query: str, bound: Mapping[str, Any] | Sequence[Any] = ()) -> Sequence[Sequence[Any]]:
        return database.execute(query, bound).fetchall()

    if ask("select version_num from alembic_version") != [(HEAD,)]:
        return None
    if "--no-read" not in asked.options and _has_news(database):
        return None
    where = zone()
    span = span_of(asked.period, where, datetime.now(UTC)) if asked.period else Span()
    names = {name for (name,) in ask("select distinct provider || '/' || model from usage_caller")}
    return summed(
        ask,
        asked.by or ["hour" if asked.period == "today" else "day"],
        prices=known_prices(names=names),
        where=where,
        selection=Selection(since=span.since, until=span.until),
        currency=DOLLAR,
    )


def _has_news(database: sqlite3.Connection) -> bool:
    """Tell whether an ingest would find anything."""
    from agentos.usage.discovery import find
    from agentos.usage.homes import user_homes
    from agentos.usage.known_sources import KnownSource, KnownSources
    from agentos.usage.reading.job import Place

    known = KnownSources(
        {
            path: KnownSource(id, (device, inode, size, modified), Place(offset), bool(gone))
            for path, id, device, inode, size, modified, gone, offset in database.execute(
                'select path, id, device, inode, size, modified, gone, "offset" from usage_source'
            )
        }
    )
    found, _ = find(user_homes() + _left_by_sessions(database))
    [(latest,)] = database.execute("select max(id) from model_call")
    return known.has_news(found, latest or 0)


def _left_by_sessions(database: sqlite3.Connection) -> list[UsageHome]:
    if not (data_dir() / "sessions").is_dir():
        return []
    from agentos.usage.session_homes import homes_left

    return homes_left(database.execute("select id, agent, settings from session"))
