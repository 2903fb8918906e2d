"""An event of the hub: as a caller reports it, and as it is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from agentos.hub.telemetry.redaction import fit, redacted, without_secrets

OK = "ok"
_LARGEST = 2**62


class Kind(StrEnum):
    """What happened."""

    HTTP = "http"
    TOOL = "tool"
    PORTFOLIO_READ = "portfolio_read"
    COMMAND = "command"
    PROJECT = "project"
    USAGE = "usage"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class HubEvent:
    """Something that was asked of the hub, as the part that served it reports it.

    Attributes:
        kind: What it was.
        name: The route's template, the tool, the file, the command.
        outcome: `ok`, or the code of the error.
        duration_ms: Milliseconds it took.
        client: The program that asked, such as `codex`.
        principal: The name of its token.
        project: The project it works on; None takes the client's active one.
        arguments: As they came; they are redacted before anything keeps them.
        bytes_in, bytes_out: Sizes of request and answer.
        request_id: What the events of one request share.
        at: When it began.
    """

    kind: Kind
    name: str
    outcome: str = OK
    duration_ms: float = 0.0
    client: str = ""
    principal: str = ""
    project: str | None = None
    arguments: Mapping[str, Any] | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    request_id: str = ""
    at: datetime = field(default_factory=_now)


@dataclass(slots=True, kw_only=True)
class EventRecord:
    """An event as it is kept: nothing in it is secret, or long.

    The attributes are those of `HubEvent`, but for

    Attributes:
        id: Its place in the log, from 1; 0 until it is stored.
        arguments: Redacted, as JSON.
    """

    id: int
    at: datetime
    kind: str
    name: str
    client: str
    project: str
    principal: str
    outcome: str
    duration_ms: float
    bytes_in: int
    bytes_out: int
    request_id: str
    arguments: str | None


def kept(event: HubEvent, project: str) -> EventRecord:
    """Return what is kept of an event.

    Args:
        event: The event.
        project: Its project, if it names none.
    """
    return EventRecord(
        id=0,
        at=event.at,
        kind=event.kind.value,
        name=_name(event),
        client=fit(event.client, 100),
        project=fit(project if event.project is None else event.project, 100),
        principal=fit(event.principal, 100),
        outcome=fit(event.outcome, 100),
        duration_ms=_duration(event.duration_ms),
        bytes_in=min(max(event.bytes_in, 0), _LARGEST),
        bytes_out=min(max(event.bytes_out, 0), _LARGEST),
        request_id=fit(event.request_id, 100),
        arguments=None if event.arguments is None else redacted(event.arguments),
    )


def _name(event: HubEvent) -> str:
    """Routes and tools are named by the hub, the rest by whoever reports it."""
    own = event.kind in (Kind.HTTP, Kind.TOOL)
    return fit(event.name if own else without_secrets(event.name), 200)


def _duration(milliseconds: float) -> float:
    """A clock that was set may have made it less than nothing."""
    return milliseconds if 0 <= milliseconds < math.inf else 0.0
