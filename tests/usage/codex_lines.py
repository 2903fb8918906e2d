"""Lines of rollouts, written as Codex writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

#: Input, cached input, cache write, output, reasoning.
Counts = Sequence[Any]

_NAMES = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
)
AT = "2026-11-21T10:00:00.000Z"


def line(kind: str, payload: Any, at: str = AT) -> bytes:
    data = {"timestamp": at, "type": kind, "payload": payload}
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def meta(thread: str, **more: Any) -> bytes:
    told = {"id": thread, "cwd": "/work", "model_provider": "openai", **more}
    return line("session_meta", told)


def context(turn: str = "", model: str = "gpt-5.5") -> bytes:
    return line("turn_context", {"turn_id": turn, "model": model, "cwd": "/work"})


def record(
    response: str, used: Counts, total: Counts | None = None, *, thread: str = "t", at: str = AT
) -> bytes:
    payload: dict[str, Any] = {"thread_id": thread, "response_id": response, "usage": named(used)}
    if total is not None:
        payload["thread_token_usage"] = named(total)
    return line("token_usage_record", payload, at)


def count(total: Counts, last: Counts | None = None, at: str = AT) -> bytes:
    info = {"total_token_usage": named(total), "last_token_usage": named(last or total)}
    return line("event_msg", {"type": "token_count", "info": info}, at)


def text(words: str) -> bytes:
    return line("response_item", {"type": "message", "content": words})


def named(used: Counts) -> dict[str, Any]:
    return dict(zip(_NAMES, used, strict=True))
