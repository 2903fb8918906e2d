"""A picture from a running hub, over its REST routes and server-sent events."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from agentos.cli.top.picture import Budget, Costs, LogLine, Reach, Session
from agentos.cli.top.reading import budget_of, costs_of, line_of, session_of
from agentos.cli.top.source import SourceLost
from agentos.errors import AgentOsError
from agentos.hub.auth.token_file import read_token
from agentos.hub.bridge.events import messages_of
from agentos.hub.lifecycle.running import Running
from agentos.sessions.events import SessionEvent
from agentos.usage.calendar import zone

#: Seconds that a hub has for an answer. Streams are never silent for longer than 15.
_PATIENCE, _SILENCE = 20.0, 40.0
#: What the hub calls this program in its log, where nobody wants to see that somebody looks.
CLIENT = "top"
_MOST_SESSIONS = 100
_PAGE = 1000
#: How many pages are read to find lines of others.
_MOST_PAGES = 5


class HubSource:
    """Asks a hub.

    Args:
        client: Connected to it, with the user's token.
        place: Its URL.
    """

    reach = Reach.HUB

    def __init__(self, client: httpx2.AsyncClient, place: str) -> None:
        self.place = place
        self._client = client

    async def sessions(self) -> tuple[Session, ...]:
        """List the live sessions and the latest others."""
        said = await self._ask("GET", "/sessions", limit=_MOST_SESSIONS)
        return tuple(session_of(each) for each in said["sessions"])

    async def costs(self) -> Costs:
        """Tell what was used today."""
        rows: list[Mapping[str, Any]] = []
        wanted: dict[str, Any] = {"period": "today", "by": ["hour", "model"], "limit": _PAGE}
        while True:
            said = await self._ask("GET", "/usage", **wanted)
            rows += said["rows"]
            if said["next"] is None:
                break
            wanted["after"] = said["next"]
        named = said["time_zone"]
        now = datetime.now(UTC).astimezone(zone(None if named == "local" else named))
        return costs_of(said["total"], rows, said["currency"], now)

    async def budgets(self) -> tuple[Budget, ...]:
        """Tell how far the budgets are used up."""
        said = await self._ask("GET", "/usage/budgets")
        return tuple(budget_of(each) for each in said["budgets"])

    async def log(self, limit: int) -> tuple[LogLine, ...]:
        """Return the end of the log, oldest first."""
        found: list[Mapping[str, Any]] = []
        wanted: dict[str, Any] = {"limit": _PAGE}
        for _ in range(_MOST_PAGES):
            said = await self._ask("GET", "/log", **wanted)
            found += (each for each in said["events"] if each["client"] != CLIENT)
            wanted["after"] = said["next"]
            if len(found) >= limit or said["next"] is None:
                break
        return tuple(line_of(each) for each in reversed(found[:limit]))

    async def news(self, after: int) -> AsyncGenerator[LogLine]:
        """Yield what comes into the log after an event, until the hub is lost."""
        async with aclosing(self._stream("/events", after)) as found:
            async for said in found:
                if said["client"] != CLIENT:
                    yield line_of(said)

    async def transcript(self, session: str, after: int) -> AsyncGenerator[SessionEvent]:
        """Yield the events of a session after a number, those that were and those that come."""
        async with aclosing(self._stream(f"{_session(session)}/stream", after)) as found:
            async for said in found:
                if "seq" in said and "type" in said:  # the others tell the session's state
                    yield SessionEvent(
                        said["seq"], said["session_id"], said["at"], said["type"], said["data"]
                    )

    async def prompt(self, session: str, text: str) -> None:
        """Tell a session something; it waits for its turn."""
        await self._ask("POST", f"{_session(session)}/prompts", {"text": text})

    async def cancel(self, session: str) -> None:
        """Cancel the turn of a session."""
        await self._ask("POST", f"{_session(session)}/cancel", {})

    async def answer(self, session: str, permission: str, choice: str) -> None:
        """Answer a permission."""
        place = f"{_session(session)}/permissions/{quote(permission, safe='')}"
        await self._ask("POST", place, {"option": choice})

    async def _ask(self, method: str, path: str, body: object = None, **wanted: Any) -> Any:
        try:
            answer = await self._client.request(
                method, f"/api/v1{path}", json=body, params=wanted or None
            )
            said = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise self._lost(error) from error
        if answer.is_error:
            raise _refused(said)
        return said

    async def _stream(self, path: str, after: int) -> AsyncGenerator[Any]:
        """Yield the data of events; the end of the stream is that of the hub."""
        timeout = httpx2.Timeout(_PATIENCE, read=_SILENCE)
        try:
            async with self._client.stream(
                "GET", f"/api/v1{path}", params={"after": after}, timeout=timeout
            ) as answer:
                if answer.is_error:
                    raise _refused(json.loads(await answer.aread()))
                async with aclosing(messages_of(answer.aiter_bytes())) as messages:
                    async for message in messages:
                        yield json.loads(message)
        except (httpx2.HTTPError, ValueError) as error:
            raise self._lost(error) from error
        raise self._lost("it ended")

    def _lost(self, why: object) -> SourceLost:
        reason = str(why) or type(why).__name__
        return SourceLost(f"the hub at {self.place} does not answer: {reason}", retryable=True)


@asynccontextmanager
async def open_hub(running: Running, state: Path) -> AsyncIterator[HubSource]:
    """Be connected to a hub as its user.

    Args:
        running: The hub.
        state: The state directory, with the token.

    Raises:
        AgentOsError: The token cannot be used.
    """
    headers = {
        "authorization": f"Bearer {read_token(state / 'token')}",
        "user-agent": f"{CLIENT}/1",
    }
    trusted: ssl.SSLContext | bool = False
    if running.tls_certificate:
        trusted = ssl.create_default_context(cafile=running.tls_certificate)
        trusted.check_hostname = False  # the certificate itself is what we trust
    async with httpx2.AsyncClient(
        base_url=running.url, headers=headers, verify=trusted, timeout=_PATIENCE, trust_env=False
    ) as client:
        yield HubSource(client, running.url)


def _session(id: str) -> str:
    return f"/sessions/{quote(id, safe='')}"


def _refused(said: Mapping[str, Any]) -> AgentOsError:
    error = said["error"]
    return AgentOsError(error["message"], code=error["code"], hint=error["hint"])
