"""An answer on a cassette: made of a provider's while it passes, and played again."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from agentos.models.cassettes.events import scrub_events, split_events
from agentos.models.cassettes.scrubbing import Scrubber
from agentos.models.encodings import decoder
from agentos.models.upstream import UpstreamFailed, UpstreamResponse

_MOST_BYTES = 256 * 2**20
_HEADERS_KEPT = re.compile(r"content-type|retry-after|x-codex-.*")
# A client that left an answer in its middle will do so again; in case it does not, in seconds.
_WAIT_FOR_LEAVING = 60.0
_LAST = re.compile(r"response\.(completed|failed|incomplete)|message_stop|\[DONE\]")


class Ending(StrEnum):
    """How an answer ended: in full, by the provider's breaking off, by the client's leaving."""

    COMPLETE = "complete"
    BROKEN_OFF = "broken_off"
    LEFT = "left"


@dataclass(frozen=True)
class Answer:
    """An answer without secrets.

    Attributes:
        status: The HTTP status.
        headers: Those that matter to a client.
        body: A list of the events of a stream, some JSON, a text, or bytes.
        ending: How it ended.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Sequence[str] | Mapping[str, Any] | str | bytes = ""
    ending: Ending = Ending.COMPLETE

    def play(self) -> UpstreamResponse:
        """Give the answer again, without any waiting."""
        # A client that is told to wait gains nothing here.
        headers = [(n, "0" if n == "retry-after" else v) for n, v in self.headers.items()]
        return UpstreamResponse(self.status, headers, self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        if isinstance(self.body, bytes):
            yield self.body
        elif isinstance(self.body, str):
            yield self.body.encode()
        elif isinstance(self.body, Mapping):
            yield json.dumps(self.body, ensure_ascii=False).encode()
        else:
            for event in self.body:
                yield event.encode()
        if self.ending is Ending.LEFT:
            await asyncio.sleep(_WAIT_FOR_LEAVING)
        if self.ending is not Ending.COMPLETE:
            raise UpstreamFailed("the answer on the cassette breaks off here")


class Listening:
    """Hears an answer as it passes to the agent.

    Args:
        response: The provider's answer.
        over: Told once, when it is over.
    """

    def __init__(self, response: UpstreamResponse, over: Callable[[], None]) -> None:
        self._response = response
        self._over = over
        self._heard = bytearray()
        self._ending = Ending.LEFT

    @property
    def passing(self) -> UpstreamResponse:
        """The answer for the agent, as it comes."""
        response = self._response
        return UpstreamResponse(response.status, response.headers, self._body(), self._close)

    def heard(self, scrubber: Scrubber) -> Answer:
        """Return what has been heard until now, without secrets."""
        response = self._response
        headers = {n: scrubber.text(v) for n, v in response.headers if _HEADERS_KEPT.fullmatch(n)}
        content = response.header("content-type") or ""
        data = self._decoded()
        body = _readable(data, content, scrubber, cut_off=self._ending is not Ending.COMPLETE)
        ending = self._ending
        if ending is Ending.LEFT and isinstance(body, list) and body and _LAST.search(body[-1]):
            ending = Ending.COMPLETE  # it knew the end when it saw it
        return Answer(response.status, headers, body, ending)

    async def _body(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.body:
                self._heard += chunk
                yield chunk
        except UpstreamFailed:
            self._ending = Ending.BROKEN_OFF
            raise
        self._ending = Ending.COMPLETE

    async def _close(self) -> None:
        self._over()
        await self._response.close()

    def _decoded(self) -> bytes:
        decoding = decoder(self._response.header("content-encoding"))
        data = bytes(self._heard)
        return data if decoding is None else decoding.decode(data, _MOST_BYTES)


def _readable(
    data: bytes, content_type: str, scrubber: Scrubber, *, cut_off: bool
) -> list[str] | dict[str, Any] | str | bytes:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return scrubber.text(data.decode("latin-1"), cut_off=cut_off).encode("latin-1")
    if content_type.startswith("text/event-stream"):
        return scrub_events(split_events(text, cut_off=cut_off), scrubber, cut_off=cut_off)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return scrubber.text(text, cut_off=cut_off)
    return scrubber.data(value) if isinstance(value, dict) else scrubber.json_text(text)


def stored(answer: Answer) -> dict[str, Any]:
    """Return an answer as a cassette has it."""
    kept: dict[str, Any] = {"status": answer.status, "headers": dict(answer.headers)}
    if isinstance(answer.body, bytes):
        kept["base64"] = base64.b64encode(answer.body).decode()
    elif isinstance(answer.body, str):
        kept["text"] = answer.body
    elif isinstance(answer.body, Mapping):
        kept["json"] = answer.body
    else:
        kept["stream"] = list(answer.body)
    if answer.ending is not Ending.COMPLETE:
        kept["ending"] = answer.ending.value
    return kept


def read_answer(kept: Mapping[str, Any]) -> Answer:
    """Read an answer as a cassette has it.

    Raises:
        KeyError: Something is missing.
        TypeError: Something is of another type.
        ValueError: Something cannot be read.
    """
    kinds = {"stream": list, "json": dict, "text": str, "base64": str}
    given = [name for name in kinds if name in kept]
    if len(given) != 1:
        raise ValueError(f"a response has one of {', '.join(kinds)}")
    body = kept[given[0]]
    if not isinstance(body, kinds[given[0]]):
        raise TypeError(f"{given[0]} is no {kinds[given[0]].__name__}")
    if given[0] == "base64":
        body = base64.b64decode(body, validate=True)
    headers = {str(name): str(value) for name, value in dict(kept.get("headers") or {}).items()}
    return Answer(int(kept["status"]), headers, body, Ending(kept.get("ending", "complete")))
