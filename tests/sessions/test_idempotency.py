"""A prompt with a key is played once, whoever sends it again."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from agentos.errors import AgentCrashed, AgentOsError
from agentos.sessions import Turn

if TYPE_CHECKING:
    from .conftest import Scripted


async def test_the_same_key_is_the_same_turn(scripted: Scripted) -> None:
    async with scripted([{"say": "one"}], [{"say": "two"}]) as session:
        turn = session.prompt("go", idempotency_key="a")
        assert session.prompt("go", idempotency_key="a") is turn
        assert (await turn).text == "one"
        assert session.prompt("go", idempotency_key="a") is turn
        assert (await session.prompt("go", idempotency_key="b")).text == "two"


async def test_a_turn_that_nobody_holds_is_read_again(scripted: Scripted) -> None:
    async with scripted([{"say": "one"}], [{"say": "two"}]) as session:
        held = session.prompt("go", idempotency_key="a")
        first = await held
        assert (await session.prompt("go")).text == "two"
        del held
        turns = [t for t in gc.get_objects() if type(t) is Turn and t._log is session._log]
        assert [t.number for t in turns] == [2], "events of those before cost memory"
        del turns
        again = session.prompt("go", idempotency_key="a")
        assert await again == first
        assert again.number == 1
        with pytest.raises(AgentOsError, match="used for another prompt"):
            session.prompt("stop", idempotency_key="a")
        assert await session.prompt("go", idempotency_key="a") == first


async def test_a_key_belongs_to_its_prompt(scripted: Scripted) -> None:
    async with scripted([{"say": "one"}]) as session:
        await session.prompt("go", idempotency_key="a")
        with pytest.raises(AgentOsError, match="used for another prompt") as caught:
            session.prompt("stop", idempotency_key="a")
        assert caught.value.code == "idempotency_key_reused"


async def test_a_turn_that_failed_fails_again(scripted: Scripted) -> None:
    async with scripted([{"kill": 9}], [{"say": "two"}]) as session:
        for _ in range(2):
            with pytest.raises(AgentCrashed):
                await session.prompt("go", idempotency_key="a")
        assert (await session.prompt("go")).text == "two"


async def test_queued_prompts_are_visible(scripted: Scripted) -> None:
    async with scripted([{"permission": ["allow_once"]}], permission="ask") as session:
        first = session.prompt("one")
        others = [session.prompt("two"), session.prompt("three")]
        async for event in first:
            if event.type == "permission_requested":
                assert list(session.queued) == others
                assert session.queued[0].prompt == [{"type": "text", "text": "two"}]
                session.respond(event.data["request_id"], "allow_once")
        await session.close()
        assert list(session.queued) == []
