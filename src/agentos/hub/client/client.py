"""The sessions of a hub, for a program of its user's."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Self

from agentos.config import state_dir
from agentos.hub.client.connection import ATTEMPTS, Connection
from agentos.hub.lifecycle.running import Running, read_running
from agentos.hub.sessions.models import (
    Applied,
    EventPage,
    NewSession,
    Queued,
    Renewal,
    SessionDiff,
    SessionHost,
    SessionList,
    SessionState,
    SessionUsage,
)
from agentos.hub.sessions.secret import with_env
from agentos.sessions.events import SessionEvent

_SESSIONS = "/api/v1/sessions"


class HubClient:
    """A hub that runs on this computer, asked with the user's own token.

    Use it as an asynchronous context manager. Every verb raises `Refused` (with the hub's code)
    when the hub does not do it, and `AgentOsError` (`hub_silent`) when it does not answer.

    Args:
        running: The hub.
        state: Its state directory, with the token.
        program: Who asks, as the hub's log says it.
        attempts: How often a lost stream is asked for again before it is given up.

    Example:
        ```python
        from agentos.hub.client import HubClient

        hub = HubClient.find()
        if hub is not None:
            async with hub:
                for state in (await hub.sessions(live=True)).sessions:
                    print(state.id, state.state, state.title)
        ```
    """

    def __init__(
        self,
        running: Running,
        state: Path,
        *,
        program: str = "agentos",
        attempts: int = ATTEMPTS,
    ) -> None:
        self._connection = Connection(running, state, program=program, attempts=attempts)

    @classmethod
    def find(cls, state: Path | None = None) -> Self | None:
        """Return the hub of a state directory, by default the user's; None if none runs."""
        place = state_dir() if state is None else state
        running = read_running(place)
        return cls(running, place) if running is not None and running.alive else None

    @property
    def running(self) -> Running:
        """The hub that was asked last: a restart puts another one in its place."""
        return self._connection.running

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask for any route, and return the answer's JSON."""
        return await self._connection.ask(method, path, body)

    async def host(self) -> SessionHost:
        """Tell where the hub keeps sessions, and how many it holds."""
        return SessionHost.model_validate(await self.ask("GET", "/api/v1/hub/sessions"))

    async def sessions(
        self, *, live: bool | None = None, after: str | None = None, limit: int = 50
    ) -> SessionList:
        """List sessions: those that live first.

        Args:
            live: Only those that live, or only the others.
            after: The `next` of the page before.
            limit: How many of the store at most.
        """
        query = f"?limit={limit}" + ("" if live is None else f"&live={str(live).lower()}")
        query += "" if after is None else f"&after={after}"
        return SessionList.model_validate(await self.ask("GET", f"{_SESSIONS}{query}"))

    async def session(self, id: str) -> SessionState:
        """Tell how a session is."""
        return SessionState.model_validate(await self.ask("GET", f"{_SESSIONS}/{id}"))

    async def begin(self, wanted: NewSession) -> SessionState:
        """Begin a session; if this is cancelled before it is ready, there is none."""
        said = await self._connection.ask("POST", _SESSIONS, with_env(wanted), timeout=None)
        return SessionState.model_validate(said)

    async def resume(self, id: str, renewed: Renewal | None = None) -> SessionState:
        """Go on with a session as it was made."""
        body = with_env(renewed or Renewal())
        said = await self._connection.ask("POST", f"{_SESSIONS}/{id}/resume", body, timeout=None)
        return SessionState.model_validate(said)

    async def fork(self, id: str) -> SessionState:
        """Branch a session together with its machine."""
        said = await self._connection.ask("POST", f"{_SESSIONS}/{id}/fork", {}, timeout=None)
        return SessionState.model_validate(said)

    async def prompt(self, id: str, text: str, *, idempotency_key: str | None = None) -> Queued:
        """Send a prompt; it waits while another one is at work."""
        body = {"text": text, "idempotency_key": idempotency_key}
        return Queued.model_validate(await self.ask("POST", f"{_SESSIONS}/{id}/prompts", body))

    async def cancel(self, id: str) -> SessionState:
        """Cancel the turn that runs, and wait for its end."""
        said = await self._connection.ask("POST", f"{_SESSIONS}/{id}/cancel", {}, timeout=None)
        return SessionState.model_validate(said)

    async def answer(self, id: str, permission: str, option: str) -> SessionState:
        """Answer what the agent asks, with an option's id or kind.

        Raises:
            Refused: (`permission_resolved`) Somebody was first.
        """
        path = f"{_SESSIONS}/{id}/permissions/{permission}"
        return SessionState.model_validate(await self.ask("POST", path, {"option": option}))

    async def end(self, id: str) -> SessionState:
        """End a session with its machine; its transcript stays."""
        said = await self._connection.ask("DELETE", f"{_SESSIONS}/{id}", timeout=None)
        return SessionState.model_validate(said)

    async def events(self, id: str, *, after: int = 0, limit: int = 500) -> EventPage:
        """Read a part of a transcript."""
        path = f"{_SESSIONS}/{id}/events?after={after}&limit={limit}"
        return EventPage.model_validate(await self.ask("GET", path))

    async def usage(self, id: str) -> SessionUsage:
        """Tell what each turn used and cost."""
        return SessionUsage.model_validate(await self.ask("GET", f"{_SESSIONS}/{id}/usage"))

    async def diff(self, id: str, *, most: int = 1_000_000) -> SessionDiff:
        """Tell what a session changed in its workspace.

        Args:
            id: The session.
            most: Characters of the patch.
        """
        path = f"{_SESSIONS}/{id}/diff?most={most}"
        said = await self._connection.ask("GET", path, timeout=None)
        return SessionDiff.model_validate(said)

    async def apply(self, id: str) -> Applied:
        """Bring a session's changes to the host's directory."""
        said = await self._connection.ask("POST", f"{_SESSIONS}/{id}/apply", {}, timeout=None)
        return Applied.model_validate(said)

    async def follow(self, id: str, after: int = 0) -> AsyncGenerator[SessionEvent | SessionState]:
        """Yield a session's events after one, and its state whenever that changes.

        A lost connection is made again, and what came meanwhile is replayed.

        Raises:
            Refused: There is no such session.
            AgentOsError: (`hub_silent`) The hub is gone, and no other one came.
        """
        path = f"{_SESSIONS}/{id}/stream"
        async with aclosing(self._connection.follow(path, after)) as messages:
            async for message in messages:
                if message is None:
                    continue
                if message.name == "event":
                    yield SessionEvent(**_json(message.data))
                elif message.name == "state":
                    yield SessionState.model_validate_json(message.data)

    async def news(
        self, after: int | None = None
    ) -> AsyncGenerator[SessionState | dict[str, Any] | None]:
        """Yield the state of sessions that change, and the events of the hub's log.

        Args:
            after: The last event of the log that is known; None begins with what is new.

        Yields:
            None whenever the stream begins (again): what changed before has to be asked for.
        """
        async with aclosing(self._connection.follow("/api/v1/events", after)) as messages:
            async for message in messages:
                if message is None:
                    yield None
                elif message.name == "session":
                    yield SessionState.model_validate_json(message.data)
                elif message.data:
                    yield _json(message.data)


def _json(data: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(data)
    return found
