"""Requests and answers that nobody would send: they are refused or read, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos.models.translation.chunk import error_of, read_chunk
from agentos.models.translation.request import Untranslatable, to_chat

from .conformance import an_answer

# How long it takes is the machine's affair.
SLOW = [HealthCheck.too_slow]
_WORDS = (
    *("type", "role", "content", "text", "input", "tools", "name", "namespace", "call_id", "id"),
    *("arguments", "output", "message", "function_call", "function_call_output", "reasoning"),
    *("custom", "custom_tool_call", "function", "tool_search_output", "additional_tools", "user"),
    *("assistant", "developer", "summary", "encrypted_content", "input_image", "image_url"),
    *("tool_choice", "allowed_tools", "mode", "parallel_tool_calls", "format", "json_schema"),
    *("instructions", "include", "max_output_tokens", "action", "local_shell_call", "local_shell"),
    *("choices", "delta", "tool_calls", "index", "finish_reason", "usage", "error", "code"),
    *("reasoning_content", "reasoning_details", "refusal", "thinking", "model", "prompt_tokens"),
    *("signature", "data", "stop", "length", "tool_search", "execution", "detail", "object"),
)
_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(_WORDS), st.text(max_size=5)
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(_WORDS), inner, max_size=6),
    ),
    max_leaves=25,
)
_KINDS = st.sampled_from(("message", "function_call", "custom_tool_call", "reasoning", None))
_ITEMS = st.lists(st.dictionaries(st.sampled_from(_WORDS), _JSON, max_size=6), max_size=5)
_CHOICE = st.dictionaries(st.sampled_from(("delta", "message", "finish_reason", "error")), _JSON)
_ANSWERS = st.fixed_dictionaries(
    {"choices": st.lists(_CHOICE, max_size=2)}, optional={"usage": _JSON}
)
_PIECES = st.dictionaries(
    st.sampled_from(("index", "id", "function", "type")),
    st.one_of(_LEAVES, st.dictionaries(st.sampled_from(("name", "arguments")), _LEAVES)),
)
_DELTAS = st.fixed_dictionaries(
    {}, optional={"content": _JSON, "tool_calls": st.lists(_PIECES, max_size=3), "reasoning": _JSON}
)


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(request=st.dictionaries(st.sampled_from(_WORDS), _JSON), items=_ITEMS, kind=_KINDS)
def test_a_request_is_translated_or_refused(request: Any, items: Any, kind: Any) -> None:
    for item in items:
        item.setdefault("type", kind)
    try:
        translated = to_chat({**request, "model": "m", "input": items})
    except Untranslatable:
        return
    json.dumps(translated.chat)
    list(an_answer({**request, "model": "m", "input": items}).begin())


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(
    chunks=st.lists(
        st.one_of(
            _JSON,
            _ANSWERS,
            _DELTAS.map(lambda delta: {"choices": [{"delta": delta}]}),
        ),
        max_size=6,
    )
)
def test_an_answer_has_an_end(chunks: list[Any]) -> None:
    answer = an_answer()
    for said in chunks:
        for event in answer.add(read_chunk(json.dumps(said).encode())):
            json.dumps(event)
    list(answer.end())
    assert answer.over


@settings(deadline=None, suppress_health_check=SLOW)
@given(said=_JSON)
def test_a_refusal_has_words(said: Any) -> None:
    assert isinstance(error_of(400, json.dumps(said))["message"], str)


def test_thousands_of_calls_at_once() -> None:
    answer = an_answer()
    for number in range(3000):
        piece = {"index": 0, "id": f"c{number}", "function": {"name": "n", "arguments": "{}"}}
        said = {"choices": [{"delta": {"tool_calls": [piece]}}]}
        for _ in answer.add(read_chunk(json.dumps(said).encode())):
            pass
    for _ in answer.end():
        pass
    assert len(answer.response["output"]) == 3000


def test_deep_nesting_is_an_error_like_others() -> None:
    assert read_chunk(b"[" * 100_000).error is not None
    assert error_of(400, "[" * 100_000)["message"].startswith("[[")
