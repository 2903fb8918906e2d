"""Budgets and rates: who is stopped, when, and in which words."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from agentos import Budget, BudgetExceeded, ConfigInvalid, Price
from agentos.models.budgets import Budgets, Most, Payer
from agentos.models.gateway.keys import key_id
from agentos.models.rates import RateExceeded
from agentos.store import Store

from .conftest import USAGE, Answering, StageMaker, answer, events, session_client

PRICES = {"played/m": Price(input=1000.0, output=10_000.0)}  # a call of USAGE costs $0.30
SMALL = Most(tokens=10, money=0.1)


async def test_a_hard_stop_in_tokens(stage: StageMaker) -> None:
    async with stage(budget=Budget(tokens=200)) as s:
        statuses = [(await s.post()).status_code for _ in range(4)]
        told: list[BudgetExceeded] = []
        with s.gateway.telling(key_id(s.key), told.append):
            refused = await s.post()
    assert statuses == [200, 200, 402, 402]
    assert len(s.provider.asked) == 2
    error = refused.json()["error"]
    assert error["code"] == error["type"] == "budget_exceeded"
    assert "200 tokens per session is used up: 240 tokens are used" in error["message"]
    assert [type(exceeded) for exceeded in told] == [BudgetExceeded]
    assert s.gateway.calls[-1].status == 402


async def test_a_hard_stop_in_money(stage: StageMaker) -> None:
    async with stage(budget=Budget(money=0.5), prices=PRICES) as s:
        statuses = [(await s.post(max_output_tokens=1)).status_code for _ in range(3)]
    assert statuses == [200, 200, 402]
    assert s.gateway.calls[0].price == pytest.approx(0.3)


async def test_codex_is_told_in_the_status_that_it_does_not_repeat(stage: StageMaker) -> None:
    async with stage(budget=Budget(tokens=1)) as s:
        headers = {"x-codex-turn-metadata": "{}"}
        await s.post()
        refused = await s.client.post("responses", json={"model": "m"}, headers=headers)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "budget_exceeded"
    assert s.gateway.calls[-1].status == 402


async def test_calls_at_once_do_not_slip_by_together(stage: StageMaker) -> None:
    at_once = most_at_once = 0

    async def script(answering: Answering) -> None:
        nonlocal at_once, most_at_once
        at_once += 1
        most_at_once = max(at_once, most_at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        await answer(answering)

    async with stage(script, budget=Budget(tokens=200)) as s:
        answers = await asyncio.gather(*(s.post() for _ in range(10)))
    assert sorted(a.status_code for a in answers) == [200] * 2 + [402] * 8
    assert most_at_once == 1


async def test_far_from_the_limit_calls_do_not_wait_for_each_other(stage: StageMaker) -> None:
    together = asyncio.Barrier(10)

    async def script(answering: Answering) -> None:
        await together.wait()
        await answer(answering)

    async with stage(script, budget=Budget(tokens=100_000_000)) as s:
        answers = await asyncio.gather(*(s.post() for _ in range(10)))
    assert {a.status_code for a in answers} == {200}


async def test_who_waits_for_room_may_give_up(stage: StageMaker) -> None:
    async def script(answering: Answering) -> None:
        await answering.client_gone()

    async with stage(script, budget=Budget(tokens=200)) as s:
        first = asyncio.create_task(s.post())
        await s.provider.wait_for(1)
        second = asyncio.create_task(s.post())
        await asyncio.sleep(0.05)
        second.cancel()
        while len(s.gateway.calls) < 1:
            await asyncio.sleep(0.001)
        assert len(s.provider.asked) == 1
        first.cancel()
        await asyncio.wait((first, second))


async def test_whoever_breaks_off_pays_too(stage: StageMaker) -> None:
    async def script(answering: Answering) -> None:
        await answering.begin()
        await answering.chunk(b"data: half\n\n" + b"x" * 4000)
        await answering.client_gone()

    async with stage(script, budget=Budget(tokens=1000)) as s:
        async with s.client.stream("POST", "responses", json={"model": "m"}) as response:
            async for _ in response.aiter_raw():
                break
        while not s.gateway.calls:
            await asyncio.sleep(0.001)
        assert (await s.post()).status_code == 402
    # The books do not guess.
    assert s.gateway.calls[0].tokens is None


async def test_not_waiting_for_the_answer_does_not_make_it_cheaper(stage: StageMaker) -> None:
    async def script(answering: Answering) -> None:
        await answering.client_gone()

    async with stage(script, budget=Budget(tokens=1000)) as s:
        asking = asyncio.create_task(s.post(stream=False, input="x" * 4000))
        await s.provider.wait_for(1)
        asking.cancel()
        while not s.gateway.calls:
            await asyncio.sleep(0.001)
        assert (await s.post()).status_code == 402


async def test_an_unknown_price_is_not_zero(stage: StageMaker) -> None:
    async with stage(budget=Budget(money=1)) as s:
        refused = await s.post()
    assert refused.status_code == 402
    assert refused.json()["error"]["code"] == "price_unknown"
    assert s.provider.asked == []


async def test_sessions_have_budgets_of_their_own(stage: StageMaker) -> None:
    async with stage(budgets=[Budget(tokens=100)]) as s, session_client(s.gateway) as (other, _):
        assert (await s.post()).status_code == 200
        assert (await s.post()).status_code == 402
        assert (await other.post("responses", json={"model": "m"})).status_code == 200


async def test_a_profile_shares_its_budget(stage: StageMaker) -> None:
    budgets = [Budget(tokens=100, per="profile", profile="cheap")]
    async with (
        stage(budgets=budgets, profile="cheap") as s,
        session_client(s.gateway, profile="cheap") as (same, _),
        session_client(s.gateway, profile="rich") as (other, _),
    ):
        assert (await s.post()).status_code == 200
        assert (await same.post("responses", json={"model": "m"})).status_code == 402
        assert (await other.post("responses", json={"model": "m"})).status_code == 200


async def test_a_day_begins_anew() -> None:
    today = "2026-11-21"
    budgets = Budgets([Budget(tokens=10, per="day")], today=lambda: today)
    (await budgets.admit(Payer("one"), SMALL)).settle(10)
    with pytest.raises(BudgetExceeded, match="per day"):
        await budgets.admit(Payer("two"), SMALL)
    today = "2026-11-22"
    (await budgets.admit(Payer("two"), SMALL)).settle(10)


async def test_a_day_is_shared_with_other_processes(
    stage: StageMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos.models.budgets.FRESH_SECONDS", 0)
    store = await Store.open(f"sqlite:///{tmp_path}/calls.db")
    settings: dict[str, Any] = {"store": store, "budgets": [Budget(tokens=200, per="day")]}
    async with stage(**settings) as one:
        assert (await one.post()).status_code == 200
        async with stage(**settings) as two:
            assert (await two.post()).status_code == 200
        assert (await one.post()).status_code == 402
    await store.close()


async def test_a_rate_says_when_to_come_again(stage: StageMaker) -> None:
    async with stage(budget=Budget(calls_per_minute=2)) as s:
        answers = [await s.post() for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert answers[2].json()["error"]["code"] == "rate_exceeded"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 31


async def test_a_rate_fills_up_again() -> None:
    now = 0.0
    budgets = Budgets([Budget(tokens_per_minute=60)], clock=lambda: now)
    (await budgets.admit(Payer("s"), SMALL)).settle(90)
    with pytest.raises(RateExceeded) as caught:
        await budgets.admit(Payer("s"), SMALL)
    assert caught.value.retry_after == pytest.approx(31)
    now = 32.0
    (await budgets.admit(Payer("s"), SMALL)).settle(1)


@pytest.mark.parametrize(
    "settings",
    [{}, {"money": 0}, {"tokens": -1}, {"money": float("inf")}, {"tokens": 1, "per": "week"}],
)
def test_a_budget_that_makes_no_sense(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigInvalid):
        Budget(**settings)  # type: ignore[arg-type]


async def test_openrouter_tells_the_price_itself(
    stage: StageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agentos import Provider

    from .conftest import ScriptedProvider

    async def script(answering: Answering) -> None:
        await answering.stream(events(usage={**USAGE, "cost": 0.25}))

    async with ScriptedProvider(script) as router:
        provider = Provider("openrouter", router.base_url, "k", retries=0)
        async with stage(
            providers=[provider], route="openrouter/q/m", budget=Budget(money=0.4)
        ) as s:
            statuses = [(await s.post(model="q/m")).status_code for _ in range(3)]
    assert statuses == [200, 200, 402]
    assert json.loads(router.asked[0].body)["model"] == "q/m"
    assert s.gateway.calls[0].price == 0.25
