"""Turns of the past, known again by their idempotency keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentos.errors import AgentError, AgentOsError, SessionClosed
from agentos.sessions.event_log import EventLog
from agentos.sessions.events import SessionEvent
from agentos.sessions.turn import Turn, TurnResult, TurnUsage, text_of


def turn_of(started: SessionEvent, log: EventLog) -> Turn:
    """Make the turn of a `turn_started` event; `settle` ends it."""
    data = started.data
    return Turn(
        data["turn"], data["prompt"], log, key=data["idempotency_key"], after=started.seq - 1
    )


async def settle(turn: Turn, log: EventLog) -> None:
    """End a turn of the past the way it ended then."""
    events: list[SessionEvent] = []
    try:
        async for event in log.follow(turn.after):
            events.append(event)
            if event.type == "turn_ended" and event.data["turn"] == turn.number:
                _end(turn, events, event.data)
                return
    except AgentOsError as error:
        turn.fail(error)  # of the store
    turn.fail(SessionClosed("the session was closed"))


def _end(turn: Turn, events: Sequence[SessionEvent], ending: Mapping[str, Any]) -> None:
    if error := ending["error"]:
        turn.fail(AgentError(error["message"], code=error["code"], hint=error["hint"]))
        return
    said = text_of([{"sessionUpdate": event.type, **event.data} for event in events])
    usage = ending["usage"]
    result = TurnResult(
        said, ending["stop_reason"], None if usage is None else TurnUsage(**usage), events
    )
    turn.succeed(result)
