"""What a tool returned, as the text that an agent gets."""

from __future__ import annotations

import json
from typing import Any

from agentos.sessions.tools.failures import CallFailed

#: Bytes of the longest answer.
MOST_ANSWER = 2**20


def text_of(tool: str, value: Any) -> str:
    """Write a result as text: a string as it is, anything else as JSON.

    Raises:
        CallFailed: It is no JSON, or too long.
    """
    if value is None:
        return ""
    try:
        text = value if isinstance(value, str) else _json(tool, value)
        if len(text) > MOST_ANSWER or len(text.encode()) > MOST_ANSWER:
            raise _too_long(tool)
    except (TypeError, ValueError, RecursionError) as error:
        kind = type(value).__name__
        raise CallFailed(
            "tool_answer_not_json", f"{tool} returned a {kind} that is not JSON: {error}"
        ) from error
    return text


def _json(tool: str, value: Any) -> str:
    """Encode piece by piece, so that what is too long is given up in time."""
    from pydantic_core import to_jsonable_python

    encoder = json.JSONEncoder(default=to_jsonable_python, allow_nan=False, ensure_ascii=False)
    pieces, length = [], 0
    for piece in encoder.iterencode(value):
        pieces.append(piece)
        length += len(piece)
        if length > MOST_ANSWER:
            raise _too_long(tool)
    return "".join(pieces)


def _too_long(tool: str) -> CallFailed:
    return CallFailed(
        "tool_answer_too_long", f"{tool} returned more than {MOST_ANSWER} bytes, the most there is"
    )
