"""A plain call takes a shorter way; nobody can tell by the answer."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from starlette.responses import Response
from starlette.types import Scope as AsgiScope
from tests.hub.mcp.conftest import ListeningHub

from agentos.hub.mcp.direct import DirectCalls
from agentos.hub.scopes import Scope


def _call(id: object = 1, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}


def _nested(depth: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    return nested


READ = "read_portfolio_file"
IDENTITY = {"name": "identity"}
PLAIN: dict[str, Any] = {
    "answered": _call(name=READ, arguments=IDENTITY),
    "id that is a text": _call("é", name=READ, arguments=IDENTITY),
    "id that is large": _call(10**30, name=READ, arguments=IDENTITY),
    "with meta": _call(name=READ, arguments=IDENTITY, _meta={"progressToken": 1}),
    "meta that is none": _call(name=READ, arguments=IDENTITY, _meta=1),
    "no arguments": _call(name=READ),
    "null arguments": _call(name=READ, arguments=None),
    "wrong arguments": _call(name=READ, arguments={"name": 7, "more": True}),
    "arguments that are none": _call(name=READ, arguments=[]),
    "arguments that are deep": _call(name=READ, arguments={"name": _nested(150)}),
    "no such page": _call(name=READ, arguments={"name": "nothing"}),
    "a page elsewhere": _call(name=READ, arguments={"name": "../token"}),
    "no such tool": _call(name="no_such_tool", arguments={}),
    "not in scope": _call(name="agentOS_git_push", arguments={"cwd": "/"}),
    "no name": _call(arguments={}),
    "no params": {"jsonrpc": "2.0", "id": 1, "method": "tools/call"},
}
OTHERS: dict[str, Any] = {
    "null id": _call(None, name=READ),
    "id that is none": _call({}, name=READ),
    "no id": {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": READ}},
    "another version of JSON-RPC": _call(name=READ) | {"jsonrpc": "1.0"},
    "params that are none": _call() | {"params": []},
    "batch": [_call(name=READ, arguments=IDENTITY)],
    "another method": {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": "tools/call"}},
}


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Tell whether calls may take the short way (`on`), and whether the last one did (`used`)."""
    state = {"on": True, "used": False}
    original = DirectCalls.answer

    async def answer(self: DirectCalls, scope: AsgiScope, body: bytes) -> Response | None:
        made = await original(self, scope, body) if state["on"] else None
        state["used"] = made is not None
        return made

    monkeypatch.setattr(DirectCalls, "answer", answer)
    return state


async def _both(
    hub: ListeningHub, direct: dict[str, bool], message: object, headers: dict[str, str]
) -> tuple[bool, httpx2.Response, httpx2.Response]:
    token = hub.token(Scope.PORTFOLIO_READ)
    direct["on"] = True
    short = await hub.post(message, headers, token)
    used, direct["on"] = direct["used"], False
    return used, short, await hub.post(message, headers, token)


def _seen(answer: httpx2.Response) -> tuple[object, ...]:
    body = json.loads(answer.content) if answer.content.startswith(b"{") else answer.content
    return answer.status_code, answer.headers.get("content-type"), body


@pytest.mark.parametrize("version", ["2024-11-05", "2025-06-18", "2025-11-25", None])
async def test_plain_calls_are_answered_as_the_sdk_answers(
    hub: ListeningHub, direct: dict[str, bool], version: str | None
) -> None:
    headers = {"mcp-protocol-version": version} if version else {}
    for what, message in (PLAIN | OTHERS).items():
        used, short, long = await _both(hub, direct, message, headers)
        assert used is (what in PLAIN), what
        assert _seen(short) == _seen(long), what


@pytest.mark.parametrize(
    "headers",
    [
        {"mcp-protocol-version": "2026-07-28"},
        {"mcp-protocol-version": "1999-01-01"},
        {"accept": "text/html"},
        {"accept": "text/event-stream"},
    ],
)
async def test_what_is_not_plain_is_left_to_the_sdk(
    hub: ListeningHub, direct: dict[str, bool], headers: dict[str, str]
) -> None:
    used, short, long = await _both(hub, direct, PLAIN["answered"], headers)
    assert not used
    assert _seen(short) == _seen(long)
