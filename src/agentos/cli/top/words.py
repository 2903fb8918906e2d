"""Figures in the few characters that a terminal has for them."""

from __future__ import annotations

from datetime import UTC, datetime

from agentos.cli.render import printable
from agentos.cli.top.picture import ModelUse, Picture, Reach, Session
from agentos.usage.money import Currency

#: The letters that cut a text say so.
_CUT = "…"
_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_DAY, _HOUR, _MINUTE = 86400, 3600, 60


def one_line(text: str, width: int | None = None) -> str:
    """Put a text of anybody's into a line that moves no cursor, and fits."""
    said = " ".join(printable(text).split())
    if width is None or len(said) <= width:
        return said
    return said[: max(width - 1, 0)] + _CUT


def tokens(count: int | None) -> str:
    """Write how many, such as `12.3k`; `?` if nobody knows."""
    if count is None:
        return "?"
    for size, unit in _UNITS:
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return str(count)


def money(amount: float | None, currency: str, *, at_least: bool = False) -> str:
    """Write an amount, such as `≥ $0.0123`; `?` if nobody knows."""
    return "?" if amount is None else Currency(currency, 1.0).show(amount, at_least=at_least)


def cost_of(session: Session) -> str:
    """Write what a session cost."""
    return money(None if session.cost is None else float(session.cost), session.currency)


def cost_of_use(use: ModelUse, currency: str) -> str:
    """Write what was spent on a model."""
    return money(use.cost, currency, at_least=use.unpriced > 0)


def age(moment: str, now: datetime | None = None) -> str:
    """Write how long ago a moment was, such as `5m`."""
    if not moment:
        return ""
    passed = ((now or datetime.now(UTC)) - datetime.fromisoformat(moment)).total_seconds()
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if passed >= size:
            return f"{int(passed // size)}{unit}"
    return f"{max(int(passed), 0)}s"


def clock(moment: str) -> str:
    """Write a moment as the time of day here."""
    return datetime.fromisoformat(moment).astimezone().strftime("%H:%M:%S")


def share(value: float | None) -> str:
    """Write a part of something; `?` if nobody knows."""
    return "?" if value is None else f"{value:.0%}"


def standing(picture: Picture) -> str:
    """Say where a picture comes from, and what to do if that is not a hub."""
    if picture.reach is Reach.STARTING:
        return "looking for the hub"
    if picture.reach is Reach.STORE:
        return "no hub runs: this is what is kept; `agentos up` starts one"
    if picture.reach is Reach.LOST:
        return f"not current: {one_line(picture.problem)}; trying again"
    return f"AgentOS hub {picture.place}"


def summary(picture: Picture) -> str:
    """Count the sessions by what they do."""
    running = sum(each.state in ("running", "starting") for each in picture.sessions)
    waiting = len(picture.waiting)
    said = [f"{sum(each.live for each in picture.sessions)} live", f"{running} running"]
    return ", ".join([*said, f"{waiting} to answer"] if waiting else said)
