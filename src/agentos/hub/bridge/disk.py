"""The portfolio straight from disk, for as long as there is no hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agentos.hub.bridge.exchange import Answer

if TYPE_CHECKING:
    from starlette.types import Message, Scope

_HOST = "127.0.0.1:0"


class FromDisk:
    """Answers in this process as the hub does, by the same code, as far as the portfolio goes.

    Args:
        home: The AgentOS home.
        state: The state directory.
    """

    def __init__(self, home: Path, state: Path) -> None:
        self._home = home
        self._state = state

    @asynccontextmanager
    async def exchange(
        self, headers: Mapping[str, str], body: bytes, why: str
    ) -> AsyncGenerator[Answer]:
        """Answer a request, and say in each tool's result where that came from.

        Args:
            headers: Those of MCP.
            body: The message.
            why: Why there is no hub.

        Raises:
            ConfigInvalid: `agentos.toml` does not tell what may be shown.
        """
        # The imports take a second, in which the client's other requests go on.
        await asyncio.to_thread(__import__, "agentos.hub.mcp.offline")
        start, *rest = await self._answered(headers, body, why)
        said = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        whole = b"".join(message.get("body", b"") for message in rest)
        yield Answer(start["status"], said, _one(whole))

    async def _answered(self, headers: Mapping[str, str], body: bytes, why: str) -> list[Message]:
        from agentos.hub.mcp.offline import portfolio_only

        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            if unread:
                return unread.pop()
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

        async def send(message: Message) -> None:
            sent.append(message)

        async with portfolio_only(self._home, self._state, why, _HOST) as endpoint:
            await endpoint(_scope(headers), receive, send)
        return sent


def _scope(headers: Mapping[str, str]) -> Scope:
    from agentos.hub.auth.tokens import USER

    said = {**headers, "host": _HOST, "content-type": "application/json"}
    said["accept"] = "application/json"
    return {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "scheme": "http",
        "http_version": "1.1",
        "headers": [(name.encode(), value.encode()) for name, value in said.items()],
        "state": {"principal": USER},
    }


async def _one(whole: bytes) -> AsyncGenerator[bytes]:
    if whole:
        yield whole
