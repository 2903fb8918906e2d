"""A hub that goes away in the middle of a call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentos.hub.auth.tokens import Tokens
from agentos.hub.bridge.bridge import Bridge
from agentos.hub.bridge.door import HubDoor
from agentos.hub.bridge.exchange import Address, Answer


class Door(HubDoor):
    """Leads to a server of the test's."""

    def __init__(self, state: Path, port: int) -> None:
        super().__init__(state, may_start=False)
        self._port = port

    def address(self) -> Address:
        return Address("127.0.0.1", self._port)


class NoSubstitute:
    """A substitute that must not be asked: the hub is there."""

    @asynccontextmanager
    async def exchange(
        self, headers: Mapping[str, str], body: bytes, why: str
    ) -> AsyncIterator[Answer]:
        raise AssertionError(why)
        yield  # makes it a generator


@pytest.mark.parametrize(
    ("tool", "asked"),
    [("agentOS_git_commit", 1), ("agentOS_fs_replace", 1), ("agentOS_fs_read", 4)],
)
async def test_only_what_is_safe_is_asked_again(tmp_path: Path, tool: str, asked: int) -> None:
    requests = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await reader.readuntil(b"tools/call")
        requests += 1
        writer.transport.abort()

    Tokens(tmp_path).user()
    answers: list[dict[str, Any]] = []

    async def send(message: bytes) -> None:
        answers.append(json.loads(message))

    async def lines() -> AsyncIterator[bytes]:
        params = {"name": tool, "arguments": {}}
        message = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params}
        yield json.dumps(message).encode()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await Bridge(Door(tmp_path, port), NoSubstitute(), send).serve(lines())
    [answer] = answers
    assert answer["id"] == 5
    assert answer["result"]["isError"] is True
    assert json.loads(answer["result"]["content"][0]["text"])["error"] == "hub_lost"
    assert requests == asked
