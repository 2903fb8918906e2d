"""The Responses API through the gateway, from a provider that only has Chat Completions."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai.types.responses import Response
from tests.models.translation.conformance import check, parse

from agentos.models.providers import Provider
from agentos.models.translation.reasoning import Reasoning
from agentos.models.upstream import Wire

from .conftest import REAL_KEY, Answering, Script, ScriptedProvider, StageMaker, answer

STREAMS = Path(__file__).parents[2] / "data" / "chat_streams"
TEXT = (STREAMS / "openai-text.sse").read_bytes()
CHAT_ONLY = {"speaks": [Wire.CHAT]}
WHOLE: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "served-1",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "I look.",
                "reasoning_content": "Hm.",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "look", "arguments": '{"at":"it"}'},
                    }
                ],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 40},
        "completion_tokens_details": {"reasoning_tokens": 5},
    },
}


def gives(data: bytes, **headers: str) -> Script:
    async def script(answering: Answering) -> None:
        await answering.stream(data, headers)

    return script


def says(status: int, body: object, **headers: str) -> Script:
    async def script(answering: Answering) -> None:
        await answering.json(status, body, headers)

    return script


def last(response: httpx2.Response) -> dict[str, Any]:
    events = parse(response.content)
    check(events)
    return dict(events[-1])


async def test_a_stream(stage: StageMaker) -> None:
    async with stage(gives(TEXT, **{"x-request-id": "r1"}), provider=CHAT_ONLY) as s:
        response = await s.post(input="hi", store=False)
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-request-id"] == "r1"
    assert last(response)["response"]["output"][0]["content"][0]["text"] == "Grüße 🌍\n"
    (asked,) = s.provider.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {REAL_KEY}"
    assert asked.json["messages"] == [{"role": "user", "content": "hi"}]
    call = s.gateway.calls[-1]
    assert call.tokens is not None
    assert (call.tokens.input, call.tokens.cached_input) == (1117, 1024)
    assert (call.tokens.output, call.tokens.reasoning) == (46, 7)
    assert (call.path, call.status, call.error) == ("responses", 200, None)
    assert call.model_served == "gpt-4.1-2025-04-14"


async def test_an_answer_in_one_piece(stage: StageMaker) -> None:
    async with stage(says(200, WHOLE), provider=CHAT_ONLY) as s:
        response = await s.post(stream=False)
    assert "stream" not in s.provider.asked[0].json
    said = response.json()
    Response.model_validate(said)
    assert (said["status"], said["model"]) == ("completed", "served-1")
    reasoning, message, call = said["output"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert message["content"][0]["text"] == "I look."
    assert (call["name"], call["arguments"], call["call_id"]) == ("look", '{"at":"it"}', "call_1")
    assert said["usage"]["input_tokens_details"]["cached_tokens"] == 40
    tokens = s.gateway.calls[-1].tokens
    assert tokens is not None
    assert (tokens.input, tokens.output) == (100, 20)


async def test_a_provider_that_answers_in_the_other_way(stage: StageMaker) -> None:
    async with stage(says(200, WHOLE), provider=CHAT_ONLY) as s:
        told = last(await s.post())
    assert [item["type"] for item in told["response"]["output"]] == [
        *("reasoning", "message", "function_call")
    ]
    async with stage(gives(TEXT), provider=CHAT_ONLY) as s:
        response = await s.post(stream=False)
    assert response.json()["output"][0]["content"][0]["text"] == "Grüße 🌍\n"


async def test_pieces_are_not_held_back(stage: StageMaker) -> None:
    seen = asyncio.Event()
    cut = TEXT.index(b"\n\n", TEXT.index("Grüße".encode())) + 2

    async def script(answering: Answering) -> None:
        await answering.begin()
        await answering.chunk(TEXT[:cut])
        await seen.wait()
        await answering.chunk(TEXT[cut:])
        await answering.end()

    async with (
        stage(script, provider=CHAT_ONLY) as s,
        s.client.stream("POST", "responses", json={"model": "m", "stream": True}) as response,
    ):
        got = b""
        async for piece in response.aiter_raw():
            got += piece
            if b"output_text.delta" in got:
                seen.set()
    assert b"response.completed" in got


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "no", "code": "c", "type": "t"}}, "no"),
        ({"object": "error", "message": "too long"}, "too long"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"detail": [{"loc": ["body"], "msg": "extra"}]}, "extra"),
        ({"error": "plain"}, "plain"),
        ([{"error": {"message": "in a list", "code": 400}}], "in a list"),
        ("<html>", "<html>"),
        ({}, "HTTP 400"),
    ],
)
async def test_a_refusal_in_whatever_words(stage: StageMaker, body: object, message: str) -> None:
    async with stage(says(400, body, **{"x-why": "so"}), provider=CHAT_ONLY) as s:
        response = await s.post()
    assert (response.status_code, response.headers["x-why"]) == (400, "so")
    assert message in response.json()["error"]["message"]
    assert message in (s.gateway.calls[-1].error or "")


async def test_too_many_requests_are_tried_again(stage: StageMaker) -> None:
    async def script(answering: Answering) -> None:
        if len(s.provider.asked) == 1:
            await answering.json(429, {"detail": "slow down"}, {"retry-after": "0"})
        else:
            await answering.stream(TEXT)

    async with stage(script, provider={**CHAT_ONLY, "retries": 1}) as s:
        assert last(await s.post())["type"] == "response.completed"
    assert s.gateway.calls[-1].attempts == 2


@pytest.mark.parametrize(("code", "status"), [(429, 429), (500, 502)])
async def test_an_error_that_is_called_a_success(stage: StageMaker, code: int, status: int) -> None:
    script = says(200, {"error": {"message": "overloaded", "code": code}})
    async with stage(script, provider=CHAT_ONLY) as s:
        whole = await s.post(stream=False)
        told = last(await s.post())
    assert whole.status_code == status
    assert whole.json()["error"]["message"] == "overloaded"
    assert told["response"]["error"]["message"] == "overloaded"


async def test_what_needs_a_memory_is_refused_before_anybody_is_asked(stage: StageMaker) -> None:
    async with stage(gives(TEXT), provider=CHAT_ONLY) as s:
        response = await s.post(previous_response_id="resp_1")
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "previous_response_id"
    assert "send the whole conversation" in response.json()["error"]["message"]
    assert s.provider.asked == []


async def test_a_tool_that_is_not_offered_is_told_once(
    stage: StageMaker, caplog: pytest.LogCaptureFixture
) -> None:
    tools = [{"type": "web_search"}, {"type": "function", "name": "a", "parameters": None}]
    with caplog.at_level(logging.WARNING, "agentos.models.translation"):
        async with stage(gives(TEXT), provider=CHAT_ONLY) as s:
            for _ in range(3):
                await s.post(model="told-once", tools=tools)
    assert [r.getMessage() for r in caplog.records if "told-once" in r.getMessage()] == [
        "web_search is not told to told-once: Chat Completions has no such thing"
    ]
    assert len(s.provider.asked[0].json["tools"]) == 1


async def test_an_answer_that_is_packed_unasked(stage: StageMaker) -> None:
    async with stage(
        gives(gzip.compress(TEXT), **{"content-encoding": "gzip"}), provider=CHAT_ONLY
    ) as s:
        response = await s.post()
    assert s.provider.asked[0].headers["accept-encoding"] == "identity"
    assert "content-encoding" not in response.headers
    assert last(response)["type"] == "response.completed"
    async with stage(gives(b"junk", **{"content-encoding": "gzip"}), provider=CHAT_ONLY) as s:
        assert "not gzip" in last(await s.post())["response"]["error"]["message"]


@pytest.mark.parametrize("after", [b'"stop"}],"usage":null', b"[DONE]"])
async def test_a_provider_that_never_closes_what_it_has_finished(
    stage: StageMaker, monkeypatch: pytest.MonkeyPatch, after: bytes
) -> None:
    monkeypatch.setattr("agentos.models.translation.stream.USAGE_WAIT", 0.01)
    monkeypatch.setattr("agentos.models.translation.stream.END_WAIT", 0.01)

    async def script(answering: Answering) -> None:
        await answering.begin()
        await answering.chunk(TEXT[: TEXT.index(b"\n\n", TEXT.index(after)) + 2])
        await answering.client_gone()

    async with stage(script, provider=CHAT_ONLY) as s:
        told = last(await s.post())
    assert told["type"] == "response.completed"
    assert (told["response"]["usage"] is None) == (after != b"[DONE]")


@pytest.mark.parametrize("how", ["closed", "ended", "silent"])
async def test_a_stream_that_breaks_off(stage: StageMaker, how: str) -> None:
    async def script(answering: Answering) -> None:
        await answering.begin()
        await answering.chunk(TEXT[: TEXT.index(b'"stop"')])
        if how == "closed":
            answering.writer.transport.abort()
        elif how == "ended":
            await answering.end()
        await answering.client_gone()

    timeout = {"timeout": 0.05} if how == "silent" else {}
    async with stage(script, provider=CHAT_ONLY | timeout) as s:
        response = await s.post()
    told = last(response)
    assert told["type"] == "response.failed"
    assert told["response"]["error"]["code"] == "server_error"
    assert ("silent" if how == "silent" else "broke off") in s.gateway.calls[-1].error  # type: ignore[operator]


async def test_a_client_that_goes_away_ends_the_call(stage: StageMaker) -> None:
    gone = asyncio.Event()

    async def script(answering: Answering) -> None:
        await answering.begin()
        await answering.chunk(TEXT[: TEXT.index(b'"stop"')])
        await answering.client_gone()
        gone.set()

    async with stage(script, provider=CHAT_ONLY) as s:
        asked = {"model": "m", "stream": True}
        async with s.client.stream("POST", "responses", json=asked) as response:
            await anext(response.aiter_raw())
        await gone.wait()


@pytest.mark.parametrize(
    ("limit", "where"),
    [("answer.LONGEST_ANSWER", "answer is longer"), ("events.LONGEST_EVENT", "exceeds")],
)
async def test_an_answer_without_end_is_broken_off(
    stage: StageMaker, monkeypatch: pytest.MonkeyPatch, limit: str, where: str
) -> None:
    monkeypatch.setattr(f"agentos.models.translation.{limit}", 100_000)
    piece = b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % (b"x" * 1000)
    if "EVENT" in limit:
        piece = b"data: " + b"x" * 1000

    async def script(answering: Answering) -> None:
        await answering.begin()
        while True:
            await answering.chunk(piece)

    async with stage(script, provider=CHAT_ONLY) as s:
        response = await s.post()
    told = last(response)
    assert where in told["response"]["error"]["message"]
    assert len(response.content) < 1_000_000


async def test_a_whole_answer_that_is_too_long_is_none(
    stage: StageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos.models.translation.stream.LONGEST_ANSWER", 100)
    async with stage(says(200, WHOLE), provider=CHAT_ONLY) as s:
        response = await s.post(stream=False)
    assert response.status_code == 502
    assert "longer than" in response.json()["error"]["message"]


async def test_connections_are_kept(stage: StageMaker) -> None:
    peers = set()

    async def script(answering: Answering) -> None:
        peers.add(answering.writer.get_extra_info("peername"))
        await answering.stream(TEXT)

    async with stage(script, provider=CHAT_ONLY) as s:
        for _ in range(3):
            await s.post()
    assert len(peers) == 1


async def test_only_the_call_itself_is_translated(stage: StageMaker) -> None:
    async with stage(gives(TEXT), provider=CHAT_ONLY) as s:
        response = await s.post("responses/input_tokens")
    assert response.status_code == 404
    assert s.provider.asked == []


async def test_reasoning_that_only_the_other_can_read_stays_behind(stage: StageMaker) -> None:
    """A fallback to a provider with the Responses API, in the middle of a conversation."""
    sealed = Reasoning("Hm.", "reasoning").sealed("m")
    question = {"role": "user", "content": "hi", "odd": 1.50}
    items = [question, {"type": "reasoning", "summary": [], "encrypted_content": sealed}]
    async with ScriptedProvider(answer) as native:
        other = Provider("native", native.base_url, retries=0)
        async with stage(
            says(500, {}),
            provider=CHAT_ONLY,
            providers=[other],
            fallbacks={"played/m": ["native/m"]},
        ) as s:
            assert (await s.post(input=items)).status_code == 200
            body = json.dumps({"input": f"what is {sealed}?", "model": "m"}).encode()
            await s.client.post("responses", content=body)
    assert [asked.json["input"] for asked in native.asked] == [
        [question],
        f"what is {sealed}?",
    ]
    assert native.asked[1].body == body
