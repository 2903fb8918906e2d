"""What a request brings: JSON, and not too much of it."""

from __future__ import annotations

from starlette.types import Message, Receive

from agentos.hub.errors import Refused

_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))


def check_body(method: str, content_type: str | None, length: str | None, chunked: bool) -> None:
    """Require JSON wherever there can be a body: a page's form or simple request has none.

    Raises:
        Refused: It is of another type.
    """
    if method not in _WITH_BODY and not chunked and length in (None, "0"):
        return
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        raise Refused(
            415,
            "not_json",
            f"a {method} needs the content type application/json, not {kind or 'none'}",
            hint="send the header Content-Type: application/json",
        )


def check_length(length: str | None, most: int) -> None:
    """Refuse a body that says it is too large.

    Raises:
        Refused: It is, or its length is no number.
    """
    if length is None:
        return
    if not (length.isascii() and length.isdecimal()):
        raise Refused(400, "length_invalid", f"Content-Length {length!r} is no number")
    if len(length) > 15 or int(length) > most:
        raise too_large(most)


async def read_bounded(receive: Receive, most: int) -> Receive:
    """Read a body that did not say its length.

    Returns:
        What gives it to the application, and then what comes after it.

    Raises:
        Refused: It is too large.
    """
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            break
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise too_large(most)
        parts.append(part)
        if not message.get("more_body"):
            message = {"type": "http.request", "body": b"".join(parts), "more_body": False}
            break
    first: list[Message] = [message]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay


def too_large(most: int) -> Refused:
    """Word the refusal of a body."""
    message = f"the request is larger than {most} bytes"
    return Refused(413, "body_too_large", message, hint="max_body_bytes in agentos.toml raises it")
