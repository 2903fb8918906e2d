"""Parts of a picture, read from the hub's JSON; what a newer hub says besides is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from agentos.cli.top.picture import Budget, Choice, Costs, LogLine, ModelUse, Permission, Session

Json = Mapping[str, Any]


def session_of(said: Json) -> Session:
    """Read a session's state."""
    usage, cost, error = said.get("usage"), said.get("cost"), said.get("error")
    return Session(
        id=said["id"],
        agent=said["agent"],
        title=said.get("title") or "",
        state=said["state"],
        live=said.get("live", False),
        model=said.get("model"),
        turns=said.get("turns"),
        queued=said.get("queued", 0),
        last_line=said.get("last_line") or "",
        tokens=usage["input"] + usage["output"] if usage else None,
        cost=cost["amount"] if cost else None,
        currency=cost["currency"] if cost else "USD",
        permissions=tuple(_permission(each) for each in said.get("permissions", ())),
        updated_at=said.get("updated_at", ""),
        error=error["message"] if error else "",
    )


def _permission(said: Json) -> Permission:
    return Permission(
        id=said["id"],
        title=said.get("title") or "",
        command=said.get("command"),
        choices=tuple(
            Choice(each["id"], each.get("name", ""), each.get("kind", ""))
            for each in said["options"]
        ),
        asked_at=str(said.get("asked_at", "")),
    )


def costs_of(total: Json, rows: Iterable[Json], currency: str, now: datetime) -> Costs:
    """Read today's use from sums by hour and model.

    Args:
        total: The sum of all.
        rows: Those of each hour and model.
        currency: What costs are in.
        now: The time of day, in the zone of the hours.
    """
    by_model: dict[str, list[Json]] = {}
    for row in rows:
        by_model.setdefault(row["model"], []).append(row)
    uses = [_use(model, found, now) for model, found in by_model.items()]
    uses.sort(key=lambda use: (-(use.cost or 0.0), -use.tokens, use.model))
    course = tuple(map(sum, zip(*(use.course for use in uses), strict=True)))
    return Costs(
        currency,
        ModelUse(
            "", total["calls"], total["tokens"], total["cost"], total["unpriced_calls"], course
        ),
        tuple(uses),
    )


def _use(model: str, rows: list[Json], now: datetime) -> ModelUse:
    known = [row["cost"] for row in rows if row["cost"] is not None]
    course = [0] * (now.hour + 1)
    for row in rows:
        hour = int(row["hour"][11:13])  # as 2026-05-01 12:00
        if hour < len(course):
            course[hour] += row["tokens"]
    return ModelUse(
        model,
        sum(row["calls"] for row in rows),
        sum(row["tokens"] for row in rows),
        sum(known) if known else None,
        sum(row["unpriced_calls"] for row in rows),
        tuple(course),
    )


def budget_of(said: Json) -> Budget:
    """Read a budget's state."""
    whose = said.get("project") or said.get("profile") or ""
    limits = []
    if said["money"] is not None:
        limits.append(f"${said['money']:,.2f}")
    if said["tokens"] is not None:
        limits.append(f"{said['tokens']:,} tokens")
    return Budget(
        f"each {said['scope']}" if not whose else f"{whose}, each {said['scope']}",
        " or ".join(limits),
        said["share"],
        said["share_ahead"],
        said["enforced"],
    )


def line_of(said: Json) -> LogLine:
    """Read an event of the log."""
    return LogLine(
        said["id"],
        said["at"],
        said["kind"],
        said["name"],
        said["client"],
        said["project"],
        said["outcome"],
        said["duration_ms"],
        said["arguments"],
    )
