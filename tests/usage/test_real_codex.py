"""The real Codex in a machine: its rollouts, and the gateway, tell what the provider counted."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentos import AgentOs, ModelGateway, Provider, RehearsalModel, Scenario, Session, Step
from agentos.errors import AgentCrashed
from agentos.models.metering import ModelCall as GatewayCall
from agentos.models.rehearsal.scenario import McpCall, Usage
from agentos.software import ensure
from agentos.store import Store
from agentos.usage.call import Source
from agentos.usage.homes import UsageHome
from agentos.usage.ledger import Ledger
from agentos.usage.prices import Tokens
from agentos.usage.selection import Selection


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    asyncio.run(ensure(["codex"]))


@pytest.fixture(autouse=True)
def _own_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path))
    monkeypatch.setenv("AGENTOS_STORE_URL", f"sqlite:///{tmp_path}/agentos.db")


@asynccontextmanager
async def played(
    *steps: Step, store: Store | None = None, model: str = "played/gpt-5.5"
) -> AsyncIterator[tuple[AgentOs, Session, ModelGateway]]:
    """A session of Codex through a gateway to the rehearsal model."""
    async with AgentOs() as vm, RehearsalModel(Scenario(steps=list(steps))) as rehearsal:
        provider = Provider("played", rehearsal.base_url, rehearsal.api_key)
        async with ModelGateway([provider], store=store) as gateway:
            session = await vm.create_session("codex", provider=gateway, model=model)
            async with session:
                yield vm, session, gateway


async def rollouts_of(vm: AgentOs, place: Path) -> UsageHome:
    """Copy Codex's home out of a machine."""
    home = place / "codex"
    home.mkdir(exist_ok=True)
    await vm.exec("cd ~/.codex && tar -cf /tmp/rollouts.tar *sessions", check=True)
    (place / "rollouts.tar").write_bytes(await vm.read_file("/tmp/rollouts.tar"))
    unpacking = await asyncio.create_subprocess_exec(
        "tar", "-C", str(home), "--no-same-owner", "-xf", str(place / "rollouts.tar")
    )
    assert await unpacking.wait() == 0
    return UsageHome(Source.CODEX, home)


@asynccontextmanager
async def ledger_of(url: str = "sqlite://") -> AsyncIterator[Ledger]:
    store = await Store.open(url)
    try:
        yield Ledger(store)
    finally:
        await store.close()


def written_down(calls: list[GatewayCall]) -> dict[str, Tokens]:
    """Return what the provider counted for the calls that Codex writes down."""
    return {call.response_id: call.tokens for call in calls if call.tokens and not call.hidden}


async def turns(session: Session) -> None:
    await session.prompt("Do it.")
    await session.prompt("And again.")


async def cancelled(session: Session) -> None:
    turn = session.prompt("Do it.")
    async for event in turn:
        if event.type.startswith("tool_call"):
            await session.cancel()
            break
    await turn
    await session.prompt("Go on.")


async def switched(session: Session) -> None:
    await session.prompt("Do it.")
    await session.set_model("played/gpt-6-luna")
    await session.prompt("And again.")


async def forked(session: Session) -> None:
    await session.prompt("Do it.")
    async with await session.fork() as fork:
        await fork.prompt("Elsewhere.")
    await session.prompt("And again.")


SAY = [
    Step(say="One.", run="true", usage=Usage(1000, output=50, cached=600, reasoning=20)),
    Step(say="Two.", usage=Usage(2000, output=70, cached=1500, reasoning=30)),
    Step(say="Three.", usage=Usage(3000, output=90, cached=2500, reasoning=40)),
    Step(say="Four.", usage=Usage(4000, output=110, cached=3500, reasoning=50)),
]
WAITS = [Step(run="sleep 600", usage=Usage(1000, output=50, cached=600, reasoning=20)), *SAY[1:]]


@pytest.mark.parametrize(
    ("what", "steps"),
    [(turns, SAY), (cancelled, WAITS), (switched, SAY)],
    ids=["turns", "cancelled", "switched"],
)
async def test_rollouts_alone_tell_what_the_provider_counted(
    what: Callable[[Session], Awaitable[None]], steps: list[Step], tmp_path: Path
) -> None:
    async with played(*steps) as (vm, session, gateway):
        await what(session)
        home = await rollouts_of(vm, tmp_path)
        counted = written_down(list(gateway.calls))
    async with ledger_of() as ledger:
        report = await ledger.ingest([home])
        told = {call.response_id: call.tokens for _, call in await ledger.calls()}
    assert not report.problems
    assert told == counted
    assert len(told) >= 2


@pytest.mark.parametrize("first", ["gateway", "rollout"])
async def test_the_gateway_and_a_rollout_tell_of_a_call_once(tmp_path: Path, first: str) -> None:
    store = await Store.open()
    try:
        ledger = Ledger(store)
        async with played(*SAY, store=store) as (vm, session, gateway):
            await turns(session)
            home = await rollouts_of(vm, tmp_path)
            if first == "rollout":
                await ledger.ingest([home])  # the gateway may not have written its own yet
            counted = {call.response_id: call.tokens for call in gateway.calls if call.tokens}
        await ledger.ingest([])
        await ledger.ingest([home])
        calls = [call for _, call in await ledger.calls()]
        mine = await ledger.totals(["agent", "project"], Selection(sessions=(session.id,)))
    finally:
        await store.close()
    assert {call.response_id: call.tokens for call in calls} == counted
    assert len(calls) == len(counted)
    assert {call.source for call in calls} == {Source.GATEWAY}
    assert {call.client for call in calls} == {"codex"}
    assert [(each.key, each.calls) for each in mine] == [(("codex", "/home/agentos"), len(counted))]


async def test_a_session_leaves_its_rollouts_to_the_ledger(tmp_path: Path) -> None:
    async with AgentOs() as vm, RehearsalModel(Scenario(steps=SAY)) as model:
        session = await vm.create_session("codex", provider=model)
        async with session:
            await turns(session)
    async with ledger_of(f"sqlite:///{tmp_path}/agentos.db") as ledger:
        report = await ledger.ingest()
        [mine] = await ledger.totals(["session", "agent"], Selection(sources=("codex",)))
    assert not report.problems
    assert mine.key == (session.id, "codex")
    assert mine.tokens.input == 1000 + 2000 + 3000


async def test_a_crash_leaves_what_was_used_before(tmp_path: Path) -> None:
    async with AgentOs() as vm, RehearsalModel(Scenario(steps=WAITS)) as model:
        session = await vm.create_session("codex", provider=model)
        async with session:
            turn = session.prompt("Do it.")
            async for event in turn:
                if event.type.startswith("tool_call"):
                    break
            await vm.exec("pkill -9 -x codex")
            with pytest.raises(AgentCrashed):
                await turn
    async with ledger_of(f"sqlite:///{tmp_path}/agentos.db") as ledger:
        await ledger.ingest()
        [mine] = await ledger.totals(["session"], Selection(sources=("codex",)))
    assert (mine.key, mine.tokens.input) == ((session.id,), 1000)


async def test_a_session_leaves_what_its_sub_agents_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos.models.rehearsal.tools._namespace", lambda name: name)
    spawn = McpCall("multi_agent_v1", "spawn_agent", {"message": "Help.", "fork_context": True})
    steps = [
        Step(call=spawn, usage=Usage(1000, output=10)),
        Step(say="Done.", usage=Usage(2000, output=20)),
        *[Step(say="Noted.", usage=Usage(3000, output=30))] * 3,  # that the sub-agent ended
    ]
    counted = "cat ~/.codex/sessions/*/*/*/* | grep -c token_usage_record"
    async with AgentOs() as vm, RehearsalModel(Scenario(steps=steps)) as model:
        session = await vm.create_session("codex", provider=model, model="no-known-model")
        async with session:
            await session.prompt("Do it.")
            while int((await vm.exec(counted)).stdout) < 3:
                await asyncio.sleep(0.05)
        written = int((await vm.exec(counted)).stdout)
        async with await vm.create_session("codex", provider=model) as other:
            await other.prompt("Something else.")
    async with ledger_of(f"sqlite:///{tmp_path}/agentos.db") as ledger:
        await ledger.ingest()
        [mine] = await ledger.totals(["session", "agent"], Selection(sessions=(session.id,)))
        calls = [call for _, call in await ledger.calls(Selection(sessions=(session.id,)))]
    assert (mine.key, mine.calls) == ((session.id, "codex"), written)
    assert {call.kind for call in calls} == {"subagent", "turn"}


async def test_a_fork_does_not_count_its_parent_again(tmp_path: Path) -> None:
    async with AgentOs() as vm, RehearsalModel(Scenario(steps=SAY)) as model:
        session = await vm.create_session("codex", provider=model)
        async with session:
            await forked(session)
    async with ledger_of(f"sqlite:///{tmp_path}/agentos.db") as ledger:
        await ledger.ingest()
        [total] = await ledger.totals((), Selection(agents=("codex",)))
    # Each thread is played the steps from the first: two calls, the fork's two, one more.
    assert total.tokens.input == (1000 + 2000) + (1000 + 2000) + 3000


async def test_a_resumed_and_archived_thread_counts_once(tmp_path: Path) -> None:
    async with (
        AgentOs() as vm,
        RehearsalModel(Scenario(steps=SAY)) as model,
        ledger_of() as ledger,
    ):
        session = await vm.create_session("codex", provider=model)
        async with session:
            await session.prompt("Do it.")
        again = await vm.resume_session(session.id, provider=model)
        async with again:
            await again.prompt("And again.")
            home = await rollouts_of(vm, tmp_path)
            await ledger.ingest([home])
            [before] = await ledger.totals()
        archived = await vm.exec(f"/opt/agentos/codex/*/bin/codex archive {session.agent_session}")
        assert archived.exit_code == 0, archived.stderr
        listed = await vm.exec("ls ~/.codex/archived_sessions ~/.codex/sessions/*/*/*")
        assert f"{session.agent_session}.jsonl" in listed.stdout.split("/.codex/sessions")[0]
        shutil.rmtree(home.path)
        report = await ledger.ingest([await rollouts_of(vm, tmp_path)])
        [after] = await ledger.totals()
    assert before.tokens.input == 1000 + 2000 + 3000
    assert (report.calls, after) == (0, before)


async def test_a_sub_agent_that_knows_all_counts_only_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos.models.rehearsal.tools._namespace", lambda name: name)
    spawn = McpCall("multi_agent_v1", "spawn_agent", {"message": "Help.", "fork_context": True})
    steps = [
        Step(call=spawn, usage=Usage(1000, output=10)),
        Step(say="Done.", usage=Usage(2000, output=20)),
        *[Step(say="Noted.", usage=Usage(3000, output=30))] * 3,  # that the sub-agent ended
    ]
    offered_all = "played/no-known-model"
    async with played(*steps, model=offered_all) as (vm, session, gateway):
        await session.prompt("Do it.")
        counted = "cat ~/.codex/sessions/*/*/*/* | grep -c token_usage_record"
        while int((await vm.exec(counted)).stdout) < 3:
            await asyncio.sleep(0.05)
        await session.close()
        home = await rollouts_of(vm, tmp_path)
        root, seen = session.agent_session, written_down(list(gateway.calls))
    async with ledger_of() as ledger:
        await ledger.ingest([home])
        [total] = await ledger.totals(["session"])
        calls = [call for _, call in await ledger.calls()]
    assert (total.key, total.calls) == ((root,), len(seen))
    assert {call.response_id: call.tokens for call in calls} == seen
    assert {call.kind for call in calls} == {"subagent", "turn"}
    turns = [call.tokens.input for call in calls if call.tokens and call.kind == "turn"]
    assert turns[:2] == [1000, 2000]
