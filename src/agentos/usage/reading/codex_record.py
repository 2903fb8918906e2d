"""A `token_usage_record` as Codex writes it: most of what counts in a rollout.

Only what is asked for becomes objects, which takes a fourth of the time that all of it would.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Raw, Struct
from msgspec.json import Decoder

Counts = tuple[int, ...]
#: Thread, session and turn.
Names = tuple[Any, Any, Any]


class Usage(Struct, gc=False):
    """Tokens of a call."""

    input_tokens: int
    cached_input_tokens: int
    cache_write_input_tokens: int
    output_tokens: int
    reasoning_output_tokens: int


class Payload(Struct, gc=False):
    """What a record says of its call."""

    thread_id: str
    session_id: str
    turn_id: str
    response_id: str
    usage: Usage
    thread_token_usage: Raw


class Record(Struct, gc=False):
    """The line."""

    timestamp: str
    type: Literal["token_usage_record"]
    payload: Payload


_decoded = Decoder(Record).decode


def parsed(text: bytes) -> tuple[str, Names, Counts, bytes, str]:
    """Return when a call was made, by whom, its tokens, the thread's as JSON, and the answer's id.

    Raises:
        MsgspecError: It is none as Codex writes it.
    """
    record = _decoded(text)
    of, used = record.payload, record.payload.usage
    after = bytes(of.thread_token_usage)
    return (
        record.timestamp,
        (of.thread_id, of.session_id, of.turn_id),
        (
            *(used.input_tokens, used.cached_input_tokens, used.cache_write_input_tokens),
            *(used.output_tokens, used.reasoning_output_tokens),
        ),
        after if after[:1] == b"{" else b"",
        of.response_id,
    )
