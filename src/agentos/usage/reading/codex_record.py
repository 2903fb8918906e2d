"""A `token_usage_record` as Codex writes it: most of what counts in a rollout.

Only what is asked for becomes objects, which takes a fourth of the time that all of it would.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

from agentos.usage.reading.entry import MOST_TOKENS

#: Thread, session and turn.
Names = tuple[str, str, str]

_Count = Annotated[int, Meta(ge=0, le=MOST_TOKENS)]


class Usage(Struct, gc=False):
    """Tokens of a call."""

    input_tokens: _Count
    cached_input_tokens: _Count
    cache_write_input_tokens: _Count
    output_tokens: _Count
    reasoning_output_tokens: _Count


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

    timestamp: Any
    type: Literal["token_usage_record"]
    payload: Payload


#: Raises MsgspecError for what Codex would not write so.
parsed = Decoder(Record).decode
