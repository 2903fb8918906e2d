"""An upstream for the Responses API in front of one for Chat Completions."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from functools import lru_cache

from agentos.models.encodings import decoder
from agentos.models.translation.answer import LONGEST_ANSWER, Answer
from agentos.models.translation.chunk import error_of
from agentos.models.translation.events import written
from agentos.models.translation.request import Untranslatable, to_chat
from agentos.models.translation.stream import (
    read_whole,
    response_events,
    stream_payloads,
    whole_payloads,
)
from agentos.models.translation.tools import Json
from agentos.models.upstream import (
    Upstream,
    UpstreamFailed,
    UpstreamRequest,
    UpstreamResponse,
    Wire,
)

_logger = logging.getLogger("agentos.models.translation")
_ABOUT_THE_BODY = ("content-type", "content-length", "content-encoding")


class ResponsesOverChat:
    """Ask a provider that only has Chat Completions in the words of the Responses API.

    Args:
        inner: The provider.
    """

    def __init__(self, inner: Upstream) -> None:
        self._inner = inner

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send a call; see `Upstream`.

        Raises:
            UpstreamFailed: There is no answer, or none that can be read.
        """
        if request.path != Wire.RESPONSES:
            return _refusal(404, None, f"this provider has no {request.path}")
        try:
            translated = to_chat(request.parsed)
        except Untranslatable as error:
            return _refusal(400, error.param, error.reason)
        for kind in translated.dropped:
            _tell_dropped(request.model, kind)
        answer = await self._inner.send(_as_chat(request, translated.chat))
        response = Answer(translated.expected)
        if request.streams and answer.status < 400:
            return _streamed(answer, response)
        try:
            return await _whole(answer, response)
        finally:
            await answer.close()


def _as_chat(request: UpstreamRequest, chat: Json) -> UpstreamRequest:
    # What is translated must be read, and what is read soon is not worth compressing.
    headers = dict(request.headers) | {"accept-encoding": "identity"}
    body = json.dumps(chat).encode()
    return UpstreamRequest(
        Wire.CHAT, Wire.CHAT.value, request.model, body, chat, headers, request.query
    )


def _streamed(answer: UpstreamResponse, response: Answer) -> UpstreamResponse:
    headers = [*_kept(answer), ("content-type", "text/event-stream")]
    body = _written(_events(answer, response, streams=True))
    return UpstreamResponse(answer.status, headers, body, answer.close)


async def _whole(answer: UpstreamResponse, response: Answer) -> UpstreamResponse:
    if answer.status >= 400:
        refusal = (await read_whole(_decoded(answer))).decode(errors="replace")
        return _json(answer.status, {"error": error_of(answer.status, refusal)}, _kept(answer))
    async with aclosing(_events(answer, response, streams=False)) as events:
        async for _ in events:
            pass
    error = response.response["error"]
    if error is None:
        return _json(200, response.response, _kept(answer))
    status = 429 if error["code"] == "rate_limit_exceeded" else 502
    told = {"type": "server_error", "param": None, **error}
    return _json(status, {"error": told}, _kept(answer))


def _kept(answer: UpstreamResponse) -> list[tuple[str, str]]:
    return [(name, value) for name, value in answer.headers if name not in _ABOUT_THE_BODY]


def _events(
    answer: UpstreamResponse, response: Answer, *, streams: bool
) -> AsyncGenerator[list[Json], None]:
    kind, body = answer.header("content-type") or "", _decoded(answer)
    # Some answer in one piece though a stream was asked for, or the other way round.
    whole = "json" in kind or not (streams or kind.startswith("text/event-stream"))
    return response_events(response, whole_payloads(body) if whole else stream_payloads(body))


async def _written(events: AsyncGenerator[list[Json], None]) -> AsyncIterator[bytes]:
    async with aclosing(events):
        async for told in events:
            yield b"".join(map(written, told))


async def _decoded(answer: UpstreamResponse) -> AsyncGenerator[bytes, None]:
    encoding = answer.header("content-encoding")
    try:
        decoding = decoder(encoding)
    except LookupError:
        raise UpstreamFailed(f"the answer's content-encoding {encoding!r} cannot be read") from None
    try:
        async for chunk in answer.body:
            yield chunk if decoding is None else decoding.decode(chunk, LONGEST_ANSWER)
    except ValueError as error:
        raise UpstreamFailed(f"the answer is not {encoding}: {error}") from error


def _refusal(status: int, param: str | None, message: str) -> UpstreamResponse:
    error = {"message": message, "type": "invalid_request_error", "param": param}
    return _json(status, {"error": error | {"code": "unsupported"}})


def _json(status: int, said: object, headers: Sequence[tuple[str, str]] = ()) -> UpstreamResponse:
    data = json.dumps(said).encode()
    about = [("content-type", "application/json"), ("content-length", str(len(data)))]
    return UpstreamResponse(status, [*headers, *about], _once(data))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


# Codex offers the same tools with every call: to tell it once is enough.
@lru_cache(maxsize=1000)
def _tell_dropped(model: str, kind: str) -> None:
    _logger.warning("%s is not told to %s: Chat Completions has no such thing", kind, model)
