"""What recording costs a request, in steps and not in seconds."""

from __future__ import annotations

import sys

import pytest

from agentos.hub.telemetry.event import HubEvent, Kind
from agentos.hub.telemetry.telemetry import Pace, Telemetry
from agentos.store import Store

#: Calls of functions that an event may take; 140 of them are some 16 microseconds.
MOST_CALLS = 180
ARGUMENTS = {
    "pattern": "def record",
    "root": "/home/me/project/src",
    "globs": ["*.py", "!tests/**"],
    "context": 3,
}


@pytest.mark.parametrize(
    "event",
    [
        HubEvent(kind=Kind.HTTP, name="POST /mcp", client="codex"),
        HubEvent(kind=Kind.TOOL, name="read", client="codex", arguments={"name": "identity"}),
        HubEvent(kind=Kind.TOOL, name="search", client="codex", arguments=ARGUMENTS),
        HubEvent(kind=Kind.TOOL, name="write", arguments={"path": "a", "content": "x" * 10_000}),
    ],
    ids=lambda event: event.name,
)
async def test_an_event_takes_few_calls(light_store: Store, event: HubEvent) -> None:
    calls = 0

    def count(_frame: object, what: str, _argument: object) -> None:
        nonlocal calls
        calls += what in ("call", "c_call")

    async with Telemetry(light_store, pace=Pace(batch=3600)) as telemetry:
        for _ in range(2):  # the first one fills caches
            telemetry.record(event)
        before = sys.getprofile()
        sys.setprofile(count)
        try:
            telemetry.record(event)
        finally:
            sys.setprofile(before)
    assert calls <= MOST_CALLS
