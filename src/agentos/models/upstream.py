"""The seam between the gateway and whatever answers model calls.

A provider over HTTP is an `Upstream`, and so is anything that wraps one: a translation
between two protocols, a cassette that records or replays, a test's own answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol


class Wire(StrEnum):
    """A protocol of model calls; the value is its path below the base URL."""

    RESPONSES = "responses"
    CHAT = "chat/completions"
    MESSAGES = "messages"
    MODELS = "models"


@dataclass(frozen=True)
class UpstreamRequest:
    """A call on its way to a provider.

    Attributes:
        wire: The protocol that it is in; `MODELS` asks for a list and has no body.
        path: Below the provider's base URL: the wire's, or one below that.
        model: The model, in the provider's own words.
        body: The JSON body, uncompressed; it names the model already.
        parsed: The same body, read; not to be changed.
        headers: End-to-end headers of the client, names in lower case, without credentials.
        query: The query, without the question mark.
    """

    wire: Wire
    path: str
    model: str
    body: bytes
    parsed: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "GET" if self.wire is Wire.MODELS else "POST"

    @property
    def streams(self) -> bool:
        """Whether the client asks for a stream of events."""
        return self.parsed.get("stream") is True

    def with_body(self, body: bytes, parsed: Mapping[str, Any]) -> UpstreamRequest:
        """Return the same call with another body."""
        return replace(self, body=body, parsed=parsed)


async def _nothing_to_close() -> None:
    pass


@dataclass(frozen=True)
class UpstreamResponse:
    """The answer to a call; its body is read as it comes.

    Attributes:
        status: The HTTP status.
        headers: End-to-end headers, names in lower case; of a body in another encoding,
            `content-encoding` too.
        body: The body's bytes in the pieces in which they came, still encoded. It raises
            `UpstreamFailed` when the provider breaks off.
        close: Lets go of the answer, wherever its body has been read to.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]] = _nothing_to_close

    def header(self, name: str) -> str | None:
        """Return a header, or None."""
        return next((value for key, value in self.headers if key == name), None)


class UpstreamFailed(Exception):
    """A provider could not be reached, did not speak HTTP, was silent too long, or broke off.

    Args:
        reason: What happened, for people.
        status: The status that a client is told.
    """

    def __init__(self, reason: str, *, status: int = 502) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class Upstream(Protocol):
    """Answers model calls."""

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send a call and wait for the head of its answer; the caller closes the answer.

        Raises:
            UpstreamFailed: There is no answer.
        """


Ask = Callable[[], Awaitable[UpstreamResponse]]


class Between(Protocol):
    """Stands between the calls of a session and all that the gateway would ask."""

    async def answer(
        self, request: UpstreamRequest, providers: Sequence[str], ask: Ask
    ) -> UpstreamResponse:
        """Answer a call, by asking or otherwise; the caller closes the answer.

        Args:
            request: The call, as the first provider would get it.
            providers: Who would be asked, in order.
            ask: Asks them, with retries.

        Raises:
            UpstreamFailed: There is no answer.
            AgentOsError: There shall be none.
        """
