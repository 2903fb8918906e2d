"""Parts of a picture, read from what the hub says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agentos.cli.top.picture import Budget, Choice, Costs, LogLine, ModelUse, Permission, Session

if TYPE_CHECKING:
    from agentos.hub.sessions import models as asked
    from agentos.hub.sessions.models import SessionState

Json = Mapping[str, Any]


def session_of(said: SessionState) -> Session:
    """Read a session's state."""
    return Session(
        id=said.id,
        agent=said.agent,
        title=said.title,
        state=said.state,
        live=said.live,
        model=said.model,
        turns=said.turns,
        queued=said.queued,
        last_line=said.last_line,
        tokens=said.usage.input + said.usage.output,
        cost=said.cost.amount if said.cost else None,
        currency=said.cost.currency if said.cost else "USD",
        permissions=tuple(_permission(each) for each in said.permissions),
        updated_at=said.updated_at.isoformat(),
        error=said.error.message if said.error else "",
    )


def _permission(said: asked.Permission) -> Permission:
    choices = tuple(Choice(each.id, each.name, each.kind) for each in said.options)
    return Permission(said.id, said.title, said.command, choices, said.asked_at.isoformat())


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
