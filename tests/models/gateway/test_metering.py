"""What is written down of a call, and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select, text

from agentos import Budget, ModelGateway, Price, Provider
from agentos.models.attribution import Kind
from agentos.models.upstream import Wire
from agentos.models.usage_reader import LONGEST_READ, UsageReader, tokens_of
from agentos.store import Store
from agentos.store.tables import MODEL_CALLS
from agentos.usage.prices import Tokens

from .conftest import Answering, ScriptedProvider, StageMaker, answer, events, session_client
from .test_passing_through import CHAT_STREAM, MESSAGES_STREAM

METADATA = {"session_id": "root", "thread_id": "t", "turn_id": "turn-7", "request_kind": "turn"}


async def test_codex_tells_whose_call_it_is(stage: StageMaker) -> None:
    headers = {
        "x-codex-turn-metadata": json.dumps(METADATA),
        "thread-id": "t",
        "session-id": "t",
        "originator": "codex_exec",
    }
    prices = {"played/m": Price(input=1.0, cached_input=0.1, output=10.0)}
    async with stage(profile="careful", prices=prices) as s:
        await s.client.post("responses", json={"model": "m"}, headers=headers)
    call = s.gateway.calls[-1]
    assert (call.session, call.thread, call.turn) == ("root", "t", "turn-7")
    assert (call.kind, call.client, call.profile) == (Kind.TURN, "codex_exec", "careful")
    assert (call.provider, call.model_served, call.response_id) == ("played", "served-1", "resp_1")
    assert call.tokens == Tokens(100, cached_input=40, output=20, reasoning=5)
    assert call.price == pytest.approx((60 * 1.0 + 40 * 0.1 + 20 * 10.0) / 1e6)
    assert call.first_token is not None
    assert 0 < call.first_token <= call.duration
    assert (call.status, call.error, call.attempts) == (200, None, 1)


@pytest.mark.parametrize(
    ("told", "headers", "kind", "hidden"),
    [
        ({"request_kind": "compaction"}, {}, Kind.COMPACTION, False),
        ({"thread_source": "memory_consolidation"}, {}, Kind.MEMORY, True),
        ({}, {"x-openai-subagent": "guardian"}, Kind.GUARDIAN, False),
        ({}, {"x-openai-subagent": "review"}, Kind.SUBAGENT, False),
    ],
)
async def test_kinds(
    stage: StageMaker, told: dict[str, str], headers: dict[str, str], kind: Kind, hidden: bool
) -> None:
    async with stage() as s:
        headers = {"x-codex-turn-metadata": json.dumps(told), **headers}
        await s.client.post("responses", json={"model": "m"}, headers=headers)
    assert (s.gateway.calls[-1].kind, s.gateway.calls[-1].hidden) == (kind, hidden)


@pytest.mark.parametrize(
    ("path", "stream", "tokens"),
    [
        ("chat/completions", CHAT_STREAM, Tokens(7, output=3)),
        ("messages", MESSAGES_STREAM, Tokens(105, 90, 10, 12)),
        ("responses", events(usage=None), None),
        ("responses", b"data: [DONE]\n\n", None),
    ],
)
async def test_tokens_of_every_protocol(
    stage: StageMaker, path: str, stream: bytes, tokens: Tokens | None
) -> None:
    async def script(answering: Answering) -> None:
        await answering.begin()
        for place in range(0, len(stream), 11):
            await answering.chunk(stream[place : place + 11])
        await answering.end()

    async with stage(script, provider={"speaks": list(Wire)}) as s:
        await s.post(path)
    assert s.gateway.calls[-1].tokens == tokens


async def test_a_failure_inside_a_stream(stage: StageMaker) -> None:
    failed = {"type": "response.failed", "response": {"error": {"message": "overloaded"}}}

    async def script(answering: Answering) -> None:
        await answering.stream(b"data: " + json.dumps(failed).encode() + b"\n\n")

    async with stage(script) as s:
        await s.post()
    assert (s.gateway.calls[-1].status, s.gateway.calls[-1].error) == (200, "overloaded")


async def test_a_call_without_a_known_price_has_none(stage: StageMaker) -> None:
    async with stage(prices={"other/m": Price(1, 1)}) as s:
        await s.post()
    assert s.gateway.calls[-1].price is None


def test_an_event_without_end_is_not_kept() -> None:
    reader = UsageReader("text/event-stream")
    for _ in range(LONGEST_READ // 2**20 + 2):
        reader.feed(b"x" * 2**20)
    assert len(reader._rest) == 0
    reader.feed(b"\n" + CHAT_STREAM)
    reader.end()
    assert reader.tokens == Tokens(7, output=3)


@pytest.mark.parametrize("usage", [{}, {"input_tokens": "x"}, {"prompt_tokens": -3}, {"a": []}])
def test_usage_that_is_garbage_counts_nothing(usage: dict[str, object]) -> None:
    assert tokens_of(usage) == Tokens()


async def test_calls_are_kept_in_the_store(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    store = await Store.open(url)
    async with ScriptedProvider(answer) as provider:
        played = Provider("played", provider.base_url, retries=0)
        prices = {"played/m": Price(input=1.0, output=10.0)}
        async with (
            ModelGateway([played], store=store, prices=prices) as gateway,
            session_client(gateway, session="s-1") as (client, _),
        ):
            for _ in range(3):
                await client.post("responses", json={"model": "m"})
            await client.post("nowhere")
        async with store.reading() as connection:
            rows = (await connection.execute(select(MODEL_CALLS).order_by("id"))).all()
        assert [row.status for row in rows] == [200, 200, 200, 404]
        assert (rows[0].session, rows[0].kind, rows[0].source) == ("s-1", "turn", "gateway")
        assert (rows[0].input, rows[0].cached_input, rows[0].output) == (100, 40, 20)
        assert rows[0].price == pytest.approx(gateway.calls[0].price)
        assert rows[0].at == gateway.calls[0].at
        assert (rows[3].input, rows[3].price) == (None, None)

        # The next gateway knows what the day has cost.
        budgets = [Budget(tokens=300, per="day")]
        async with (
            ModelGateway([played], store=store, budgets=budgets) as gateway,
            session_client(gateway) as (client, _),
        ):
            assert (await client.post("responses", json={"model": "m"})).status_code == 402
    await store.close()


async def test_a_store_that_refuses_stops_no_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/calls.db")
    async with store.writing() as connection:
        await connection.execute(text("alter table model_call rename to elsewhere"))
    async with ScriptedProvider(answer) as provider:
        played = Provider("played", provider.base_url, retries=0)
        async with (
            ModelGateway([played], store=store) as gateway,
            session_client(gateway) as (client, _),
        ):
            assert (await client.post("responses", json={"model": "m"})).status_code == 200
    await store.close()
    assert "were not written down" in caplog.text
