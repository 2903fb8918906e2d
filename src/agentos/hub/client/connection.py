"""Asking the hub of a state directory, wherever that listens now."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from agentos.errors import AgentOsError
from agentos.hub.auth.token_file import read_token
from agentos.hub.errors import Refused
from agentos.hub.lifecycle.running import Running, read_running

#: Seconds until an answer must have come; those of long work have as many as they need.
PATIENCE = 60.0
#: Seconds of silence after which a stream is lost: the hub says something every 15.
SILENCE = 45.0
#: How often a lost stream is asked for again, and how long each time takes at most.
ATTEMPTS, LONGEST_WAIT = 12, 5.0


@dataclass(frozen=True, slots=True)
class Message:
    """A server-sent event."""

    name: str
    data: str
    id: int | None


class Connection:
    """Requests to the hub of a state directory; when it is restarted, they go to the next one.

    Args:
        running: The hub.
        state: Its state directory.
        program: Who asks, as the hub's log says it.
        attempts: How often a lost stream is asked for again before it is given up.
    """

    def __init__(
        self,
        running: Running,
        state: Path,
        *,
        program: str = "agentos",
        attempts: int = ATTEMPTS,
    ) -> None:
        self.running = running
        self._program = program
        self._attempts = attempts
        self._state = state
        self._client = httpx2.AsyncClient(timeout=PATIENCE, verify=_trust(running))

    async def close(self) -> None:
        """Let go of its connections."""
        await self._client.aclose()

    async def ask(
        self, method: str, path: str, body: object = None, *, timeout: float | None = PATIENCE
    ) -> Any:
        """Ask for something and return the answer's JSON.

        Raises:
            Refused: The hub does not do it.
            AgentOsError: (`hub_silent`) It does not answer.
        """
        try:
            answer = await self._client.request(
                method,
                self._url(path),
                json=body,
                headers=self._headers(),
                timeout=httpx2.Timeout(PATIENCE, read=timeout),
            )
        except httpx2.HTTPError as error:
            raise self._silent(error) from error
        _require_ok(answer.status_code, answer.content)
        return json.loads(answer.content) if answer.content else None

    async def follow(self, path: str, after: int | None) -> AsyncGenerator[Message | None]:
        """Yield the events of a stream, from a place on; a lost one is asked for again.

        Args:
            path: The stream.
            after: The id of the last event that is known.

        Yields:
            Events; None whenever the stream has begun anew.

        Raises:
            Refused: The hub does not serve it.
            AgentOsError: (`hub_silent`) The hub is gone, and no other one came.
        """
        failed = 0
        while True:
            lost: Exception | None = None
            try:
                async with aclosing(self._stream(path, after)) as messages:
                    async for message in messages:
                        failed = 0
                        if message is not None and message.id is not None:
                            after = message.id
                        yield message
            except httpx2.HTTPError as error:
                lost = error
            except Refused as refused:
                if refused.status != 503:
                    raise
                lost = refused
            failed += 1
            if failed > self._attempts:
                raise self._silent(lost) from lost
            await asyncio.sleep(min(0.05 * 2**failed, LONGEST_WAIT))
            self.running = read_running(self._state) or self.running

    async def _stream(self, path: str, after: int | None) -> AsyncGenerator[Message | None]:
        headers = self._headers()
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        timeout = httpx2.Timeout(PATIENCE, read=SILENCE)
        url = self._url(path)
        async with self._client.stream("GET", url, headers=headers, timeout=timeout) as answer:
            if answer.status_code >= 400:
                _require_ok(answer.status_code, await answer.aread())
            yield None
            async with aclosing(messages_of(lines_of(answer.aiter_bytes()))) as messages:
                async for message in messages:
                    yield message

    def _url(self, path: str) -> str:
        return f"{self.running.url}{path}"

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._token()}",
            "Content-Type": "application/json",
            "User-Agent": self._program,
        }

    def _token(self) -> str:
        file = self._state / "token"
        try:
            return read_token(file)
        except FileNotFoundError as error:
            raise Refused(
                503,
                "token_file_missing",
                f"{file} is not there any more",
                hint="put it back where it was, or make a new one: `agentos token show`",
            ) from error

    def _silent(self, error: Exception | None) -> AgentOsError:
        why = f": {error}" if error is not None and str(error) else ""
        return AgentOsError(
            f"the hub at {self.running.url} does not answer{why}",
            code="hub_silent",
            hint="`agentos status` tells how it is; `agentos up` starts it",
            retryable=True,
        )


async def lines_of(pieces: AsyncIterator[bytes]) -> AsyncGenerator[str]:
    """Part a stream into lines where it does itself: what agents say has other separators."""
    begun: list[bytes] = []
    async for piece in pieces:
        first, *others = piece.split(b"\n")
        begun.append(first)
        for other in others:
            yield b"".join(begun).decode()
            begun = [other]


async def messages_of(lines: AsyncIterator[str]) -> AsyncGenerator[Message]:
    """Read server-sent events."""
    name, id = "message", None
    data: list[str] = []
    async for line in lines:
        if not line:
            if data or id is not None:
                yield Message(name, "\n".join(data), id)
            name, data, id = "message", [], None
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id" and value.isdecimal():
            id = int(value)


def _require_ok(status: int, content: bytes) -> None:
    if status < 400:
        return
    try:
        said = json.loads(content)["error"]
        code, message, hint = said["code"], said["message"], said["hint"]
    except (ValueError, KeyError, TypeError):
        code, message, hint = "hub_failed", f"the hub answered with status {status}", None
    raise Refused(status, code, message, hint=hint)


def _trust(running: Running) -> ssl.SSLContext | bool:
    if not running.tls_certificate:
        return True
    # The certificate itself is what we trust: it need not name the loopback address.
    context = ssl.create_default_context(cafile=running.tls_certificate)
    context.check_hostname = False
    return context
