"""What goes through the gateway as it is, and what does not."""

from __future__ import annotations

import gzip
import json
import sys

import pytest

from agentos.models.budgets import Budget
from agentos.models.providers import Provider
from agentos.models.upstream import Wire

from .conftest import REAL_KEY, USAGE, Answering, StageMaker, events

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHAT_STREAM = (
    b'data: {"id":"c1","model":"x","choices":[{"delta":{"content":"hi"}}],"usage":null}\n\n'
    b'data: {"id":"c1","model":"x","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}'
    b"\n\ndata: [DONE]\n\n"
)
MESSAGES_STREAM = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"c",'
    b'"usage":{"input_tokens":5,"cache_read_input_tokens":90,"cache_creation_input_tokens":10,'
    b'"output_tokens":1}}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"hi"}}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":12}}\n\n'
)


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("responses", events()),
        ("chat/completions", CHAT_STREAM),
        ("messages", MESSAGES_STREAM),
        ("responses", b"data: not json\n\n\xff\xfe: odd\r\n\r\n"),
    ],
)
async def test_a_stream_comes_byte_for_byte(stage: StageMaker, path: str, stream: bytes) -> None:
    async def script(answering: Answering) -> None:
        await answering.stream(stream, {"x-request-id": "req-1"})

    async with stage(script, provider={"speaks": list(Wire)}) as s:
        answer = await s.post(path)
    assert answer.content == stream
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["x-request-id"] == "req-1"


async def test_a_request_comes_byte_for_byte_but_for_the_key(stage: StageMaker) -> None:
    body = b'{ "model":"m",\n "input" : [{"text":"\\u00e4 \\"model\\": \\"x\\""}]  }'
    sent = {"content-type": "application/json", "x-codex-window": "7", "cookie": "mine=1"}
    async with stage() as s:
        await s.client.post("responses?a=1", content=body, headers=sent)
    (asked,) = s.provider.asked
    assert asked.body == body
    assert asked.path == "/v1/responses?a=1"
    assert asked.headers["authorization"] == f"Bearer {REAL_KEY}"
    assert asked.headers["x-codex-window"] == "7"
    assert "cookie" not in asked.headers
    assert s.key not in str(asked.headers)


async def test_pieces_are_not_held_back(stage: StageMaker) -> None:
    import asyncio

    seen = asyncio.Event()

    async def script(answering: Answering) -> None:
        await answering.begin()
        await answering.chunk(b"data: one\n\n")
        await seen.wait()
        await answering.end()

    async with stage(script) as s, s.client.stream("POST", "responses", json={"model": "m"}) as a:
        async for piece in a.aiter_raw():
            assert piece == b"data: one\n\n"
            seen.set()


async def test_an_answer_in_one_piece(stage: StageMaker) -> None:
    said = {"id": "resp_2", "model": "served", "usage": USAGE}

    async def script(answering: Answering) -> None:
        await answering.json(200, said)

    async with stage(script) as s:
        answer = await s.post(stream=False)
    assert answer.json() == said
    assert answer.headers["content-length"] == str(len(answer.content))
    call = s.gateway.calls[-1]
    assert call.tokens is not None
    assert (call.tokens.input, call.tokens.output) == (100, 20)
    assert (call.response_id, call.model_served) == ("resp_2", "served")


async def test_an_error_of_the_provider_comes_as_it_is(stage: StageMaker) -> None:
    async def script(answering: Answering) -> None:
        await answering.json(400, {"error": {"message": "no such tool"}}, {"x-why": "because"})

    async with stage(script) as s:
        answer = await s.post()
    assert (answer.status_code, answer.headers["x-why"]) == (400, "because")
    assert s.gateway.calls[-1].error == "no such tool"


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (b'{"model": "a", "x": [1.50]}', b'{"model": "b/c", "x": [1.50]}'),
        (b'{"x":{"model":"a"},"model":"a"}', b'{"x": {"model": "a"}, "model": "b/c"}'),
    ],
)
async def test_a_model_of_another_name_is_all_that_changes(
    stage: StageMaker, body: bytes, sent: bytes
) -> None:
    async with stage(aliases={"a": "played/b/c"}) as s:
        await s.client.post("responses", content=body)
    assert s.provider.asked[0].body == sent
    assert (s.gateway.calls[-1].model_asked, s.gateway.calls[-1].model_sent) == ("a", "b/c")


@pytest.mark.parametrize(("encoding", "encode"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
async def test_compressed_bodies_both_ways(
    stage: StageMaker, encoding: str, encode: type[bytes]
) -> None:
    packed = encode(events())

    async def script(answering: Answering) -> None:
        await answering.begin({"content-encoding": encoding})
        for place in range(0, len(packed), 7):
            await answering.chunk(packed[place : place + 7])
        await answering.end()

    body = encode(json.dumps({"model": "m", "input": "hi"}).encode())
    headers = {"content-encoding": encoding, "accept-encoding": f"br, {encoding}"}
    async with (
        stage(script) as s,
        s.client.stream("POST", "responses", content=body, headers=headers) as answer,
    ):
        raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert raw == packed
    assert answer.headers["content-encoding"] == encoding
    assert s.provider.asked[0].json["input"] == "hi"
    assert s.provider.asked[0].headers["accept-encoding"] == encoding
    call = s.gateway.calls[-1]
    assert call.tokens is not None
    assert call.tokens.output == 20


async def test_azure_gets_its_header_and_its_query(stage: StageMaker) -> None:
    about = {
        "key_header": "api-key",
        "query": {"api-version": "preview"},
        "headers": {"x-ms-useragent": "agentos"},
    }
    async with stage(provider=about) as s:
        await s.post()
    (asked,) = s.provider.asked
    assert asked.path == "/v1/responses?api-version=preview"
    assert asked.headers["api-key"] == REAL_KEY
    assert asked.headers["x-ms-useragent"] == "agentos"
    assert "authorization" not in asked.headers


async def test_a_client_of_anthropic_shows_its_key_in_its_own_way(stage: StageMaker) -> None:
    async def script(answering: Answering) -> None:
        await answering.stream(MESSAGES_STREAM)

    about = {"speaks": [Wire.MESSAGES], "key_header": "x-api-key"}
    async with stage(script, provider=about) as s:
        headers = {"x-api-key": s.key, "authorization": ""}
        answer = await s.client.post("messages", json={"model": "c"}, headers=headers)
        refused = await s.client.post(
            "messages", json={}, headers={"x-api-key": "wrong", "authorization": ""}
        )
        newer = {**headers, "anthropic-version": "2026-01-01"}
        await s.client.post("messages", json={"model": "c"}, headers=newer)
    assert answer.content == MESSAGES_STREAM
    assert s.provider.asked[0].headers["x-api-key"] == REAL_KEY
    versions = [asked.headers["anthropic-version"] for asked in s.provider.asked]
    assert versions == ["2023-06-01", "2026-01-01"]
    assert refused.json()["type"] == "error"
    assert refused.json()["error"]["type"] == "authentication_error"


async def test_the_list_of_models_is_the_providers(stage: StageMaker) -> None:
    async def script(answering: Answering) -> None:
        await answering.json(200, {"object": "list", "data": [{"id": "m"}]})

    async with stage(script) as s:
        listed = await s.client.get("models?limit=1")
    assert listed.json()["data"] == [{"id": "m"}]
    assert s.provider.asked[0].path == "/v1/models?limit=1"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "responses", 426),
        ("POST", "embeddings", 404),
        ("DELETE", "responses", 405),
        ("POST", "messages", 400),
        ("POST", "responses/../files", 404),
        ("POST", "responses/%2e%2e/files", 404),
        ("POST", "responses/resp_1/cancel", 404),
        ("GET", "models/../organization/admin_api_keys", 404),
        ("HEAD", "", 200),
    ],
)
async def test_what_is_not_served_says_so(
    stage: StageMaker, method: str, path: str, status: int
) -> None:
    async with stage() as s:
        answer = await s.client.request(method, path, content=b"{}")
    assert answer.status_code == status
    assert s.provider.asked == []


async def test_what_could_not_be_counted_is_not_served(stage: StageMaker) -> None:
    async with stage() as s:
        refused = await s.post(background=True)
    assert refused.json()["error"]["code"] == "background_not_served"
    assert s.provider.asked == []


async def test_counting_tokens_costs_nothing(stage: StageMaker) -> None:
    async def script(answering: Answering) -> None:
        await answering.json(200, {"input_tokens": 100})

    async with stage(script, budget=Budget(tokens=1)) as s:
        for _ in range(2):
            assert (await s.post("responses/input_tokens")).status_code == 200


async def test_a_body_that_is_no_object_is_refused(stage: StageMaker) -> None:
    async with stage() as s:
        for body in (b"", b"[]", b"{", b"\xff" * 10, b"[" * 100_000):
            answer = await s.client.post("responses", content=body)
            assert answer.status_code == 400
            assert answer.json()["error"]["code"] == "invalid_json"
        packed = {"content-encoding": "gzip"}
        assert (await s.client.post("responses", content=b"x", headers=packed)).status_code == 400
        packed = {"content-encoding": "br"}
        assert (await s.client.post("responses", content=b"x", headers=packed)).status_code == 415


async def test_a_translation_answers_where_the_provider_speaks_another_protocol(
    stage: StageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agentos.models.gateway.upstreams import TRANSLATIONS
    from agentos.models.upstream import Upstream, UpstreamRequest, UpstreamResponse

    class Translated:
        def __init__(self, inner: Upstream) -> None:
            self.inner = inner

        async def send(self, request: UpstreamRequest) -> UpstreamResponse:
            body = b'{"model":"m","messages":[]}'
            asked = UpstreamRequest(
                Wire.CHAT, "chat/completions", request.model, body, json.loads(body)
            )
            return await self.inner.send(asked)

    monkeypatch.setitem(TRANSLATIONS, (Wire.RESPONSES, Wire.CHAT), Translated)
    async with stage(provider={"speaks": [Wire.CHAT]}) as s:
        assert (await s.post()).status_code == 200
    assert s.provider.asked[0].path == "/v1/chat/completions"


async def test_something_between_the_gateway_and_its_providers(stage: StageMaker) -> None:
    from agentos.models.upstream import Upstream, UpstreamRequest, UpstreamResponse

    seen: list[str] = []

    class Listening:
        def __init__(self, provider: Provider, inner: Upstream) -> None:
            self.name, self.inner = provider.name, inner

        async def send(self, request: UpstreamRequest) -> UpstreamResponse:
            seen.append(f"{self.name} {request.model}")
            return await self.inner.send(request)

    async with stage(around=Listening) as s:
        await s.post()
    assert seen == ["played m"]
