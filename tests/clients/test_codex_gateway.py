"""The real Codex through the model gateway: the provider's key stays on the host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.machine.secret_search import places_of

from agentos import (
    AgentOs,
    AuthenticationRequired,
    Budget,
    BudgetExceeded,
    ConfigInvalid,
    MachinePool,
    ModelFailed,
    ModelGateway,
    Price,
    Provider,
    RehearsalModel,
    Scenario,
    Session,
    Step,
)
from agentos.models.attribution import Kind
from agentos.models.rehearsal import shipped_scenarios
from agentos.store import Store
from agentos.store.tables import MODEL_CALLS

REAL_KEY = "VARIABLE_WITH_THE_REAL_KEY"
STEPS = [
    Step(
        say="I look.", run="env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'"
    ),
    Step(say="All done."),
]


@asynccontextmanager
async def played(
    vm: AgentOs,
    *steps: Step,
    model: str | None = "played/gpt-5.5",
    agent: str = "codex",
    retries: int = 2,
    **settings: object,
) -> AsyncIterator[tuple[Session, ModelGateway, RehearsalModel]]:
    """A session of Codex whose calls go through a gateway to the rehearsal model."""
    of_the_session = ("budget", "profile", "profile_file", "env")
    session_settings = {name: settings.pop(name) for name in of_the_session if name in settings}
    async with RehearsalModel(Scenario(steps=list(steps))) as rehearsal:
        provider = Provider("played", rehearsal.base_url, rehearsal.api_key, retries=retries)
        async with ModelGateway([provider], **settings) as gateway:  # type: ignore[arg-type]
            session = await vm.create_session(
                agent,
                provider=gateway,
                model=model,
                **session_settings,  # type: ignore[arg-type]
            )
            async with session:
                yield session, gateway, rehearsal


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An AgentOS home and a store of the test's own."""
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path))
    monkeypatch.setenv("AGENTOS_STORE_URL", f"sqlite:///{tmp_path}/agentos.db")
    return tmp_path


@pytest.mark.parametrize("agent", ["codex", "codex-acp"])
async def test_the_real_key_is_nowhere_in_the_machine(vm: AgentOs, agent: str) -> None:
    async with played(vm, *STEPS, agent=agent) as (session, gateway, model):
        result = await session.prompt("look around")
        assert result.text.endswith("All done.")
        # The rollout and the like are written by now, and every process still runs.
        assert await places_of(model.api_key, vm) == []
        assert await places_of(session.agent_session, vm), "the search finds nothing at all"
        assert all(model.api_key not in output for r in model.turns for output in r.tool_outputs)
    assert await places_of(model.api_key, vm) == []
    assert [r.headers["authorization"] for r in model.turns] == [f"Bearer {model.api_key}"] * 2
    assert {call.status for call in gateway.calls} == {200}


@pytest.mark.parametrize("agent", ["codex", "codex-acp"])
async def test_not_even_the_session_key_is_written_or_given_to_commands(
    vm: AgentOs, agent: str
) -> None:
    async with played(vm, Step(run="env"), Step(say="ok"), agent=agent) as (
        session,
        gateway,
        model,
    ):
        await session.prompt("look around")
        (key,) = gateway.keys
        places = await places_of(f"agentos-{key.id}", vm)
        # The adapter can be told of it in its environment only, of which the thread that it
        # makes for a title keeps a snapshot.
        snapshots = "/home/agentos/.codex/shell_snapshots/"
        told = [p for p in places if p.endswith("/environ") or p.startswith(snapshots)]
        assert places == (told if agent == "codex-acp" else [])
        assert f"agentos-{key.id}" not in "".join(model.turns[-1].tool_outputs)
    assert list(gateway.keys) == []


async def test_calls_are_told_apart(vm: AgentOs) -> None:
    prices = {"played/gpt-5.5": Price(input=2.0, output=10.0)}
    role = {"profile": "careful", "profile_file": 'developer_instructions = "Take care."\n'}
    settings = {"prices": prices, **role, "agent": "codex-acp"}
    async with played(vm, *STEPS, **settings) as (session, gateway, model):  # type: ignore[arg-type]
        await session.prompt("look around")
        await model.wait_for(Kind.TITLE)
        while len(gateway.calls) < 3:
            await asyncio.sleep(0.01)
    turns = [call for call in gateway.calls if call.kind is Kind.TURN]
    (title,) = [call for call in gateway.calls if call.kind is Kind.TITLE]
    assert {call.session for call in gateway.calls} == {session.id}
    assert {call.profile for call in gateway.calls} == {"careful"}
    assert "Take care." in json.dumps(model.turns[0].body)
    assert len({call.turn for call in turns}) == 1
    assert turns[0].thread == session.agent_session
    assert title.thread != session.agent_session
    assert title.hidden
    assert not turns[0].hidden
    # The adapter asks for a model of OpenAI's by name, which other providers need not have.
    assert (title.model_asked, title.model_sent) == ("gpt-5.6-luna", "gpt-5.5")
    for call in gateway.calls:
        assert call.tokens is not None
        cost = (call.tokens.input * 2.0 + call.tokens.output * 10.0) / 1e6
        assert call.price == pytest.approx(cost)
        assert call.first_token is not None
        assert call.first_token <= call.duration


@pytest.mark.parametrize("agent", ["codex", "codex-acp"])
async def test_a_budget_ends_the_turn_and_tells_both_sides(vm: AgentOs, agent: str) -> None:
    steps = [Step(run="echo once"), Step(run="echo later"), Step(say="done")]
    settings = {"budget": Budget(tokens=1), "agent": agent}
    async with played(vm, *steps, **settings) as (session, gateway, model):  # type: ignore[arg-type]
        with pytest.raises(BudgetExceeded, match=r"1 tokens per session is used up"):
            await session.prompt("go on for ever")
        assert len(model.turns) == 1
        events = [e async for e in _until_turn_ended(session)]
        (told,) = [e.data for e in events if e.type == "budget_exceeded"][:1]
        assert told["code"] == "budget_exceeded"
        assert [call.status for call in gateway.calls if call.kind is Kind.TURN] == [200, 402]
        # The agent was told in words that its user can read.
        said = "".join(str(e.data) for e in events)
        assert "the budget of 1 tokens per session is used up" in said
        session.set_budget(Budget(tokens=10_000_000))
        await session.prompt("go on")
        assert len(model.turns) > 1
        session.set_budget(Budget(tokens=2))
        with pytest.raises(BudgetExceeded):
            await session.prompt("go on for ever")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Step(status=429, retry_after=0.1), "429"),
        (Step(status=500), "high demand|500"),
        (Step(say="half an ans", break_off=True), "disconnected"),
    ],
    ids=["429", "500", "broken-off"],
)
async def test_a_provider_that_fails(vm: AgentOs, fault: Step, words: str) -> None:
    impatient = {"request_max_retries": 1, "stream_max_retries": 1}
    config = json.dumps({"model_providers": {"agentos": impatient}})
    settings = {"env": {"CODEX_CONFIG": config}}
    steps = [fault, Step(say="recovered")]
    async with played(vm, *steps, retries=1, **settings) as (session, _, _model):  # type: ignore[arg-type]
        with pytest.raises(ModelFailed, match=words):
            await session.prompt("hi")
        assert (await session.prompt("again")).text.endswith("recovered")


async def test_the_session_goes_on_with_the_next_gateway(vm: AgentOs, tmp_path: Path) -> None:
    scenario = Scenario(steps=[Step(say="one"), Step(say="two")])
    async with RehearsalModel(scenario) as model:
        providers = [Provider("played", model.base_url, model.api_key)]
        first = await ModelGateway(providers, state=tmp_path).__aenter__()
        session = await vm.create_session("codex", provider=first, model="played/gpt-5.5")
        assert (await session.prompt("first")).text == "one"
        await first.close()
        async with ModelGateway(providers, state=tmp_path) as second:
            assert (await session.prompt("second")).text == "two"
            assert second.calls[0].session == session.id
            await session.close()
            assert list(second.keys) == [] or not list((tmp_path / "keys").iterdir())


async def test_a_host_with_a_provider_needs_nothing_said(
    vm: AgentOs, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RehearsalModel(Scenario(steps=[Step(say="hello there")])) as model:
        monkeypatch.setenv(REAL_KEY, model.api_key)
        (home / "agentos.toml").write_text(
            f"""
            [models]
            default = "mine/gpt-5.5"
            [providers.mine]
            base_url = "{model.base_url}"
            key = {{ env = "{REAL_KEY}" }}
            """
        )
        session = await vm.create_session("codex")
        assert (await session.prompt("hi")).text == "hello there"
        assert await places_of(model.api_key, vm) == []
        await session.close()
    store = await Store.open()
    async with store.reading() as connection:
        rows = (await connection.execute(select(MODEL_CALLS))).all()
    await store.close()
    assert {row.session for row in rows} == {session.id}
    assert rows[0].input > 0


async def test_an_agent_that_waited_gets_its_key_when_it_is_told_its_session() -> None:
    async with RehearsalModel(Scenario(steps=[Step(say="hello there")])) as model:
        provider = Provider("played", model.base_url, model.api_key)
        async with (
            ModelGateway([provider], default="played/gpt-5.5") as gateway,
            MachinePool(1, agent="codex") as pool,
            await pool.take() as vm,
        ):
            before = [p.pid for p in await vm.processes()]
            async with await vm.create_session("codex", provider=gateway) as session:
                assert (await session.prompt("hi")).text == "hello there"
                assert before[0] in [p.pid for p in await vm.processes()]
                assert await places_of(model.api_key, vm) == []
        assert [call.session for call in gateway.calls] == [session.id]


async def test_a_key_in_env_still_goes_first(vm: AgentOs, home: Path) -> None:
    (home / "agentos.toml").write_text('[models]\ndefault = "openai/gpt-5.5"\n')
    async with RehearsalModel(Scenario(steps=[Step(say="hello there")])) as model:
        env = {"OPENAI_API_KEY": model.api_key, "OPENAI_BASE_URL": model.base_url}
        async with await vm.create_session("codex", env=env, model="gpt-5.5") as session:
            assert (await session.prompt("hi")).text == "hello there"


async def test_the_rehearsal_model_is_a_route(vm: AgentOs, home: Path) -> None:
    scenario = shipped_scenarios()[0]
    async with await vm.create_session("codex", provider=f"rehearsal/{scenario}") as session:
        turn = session.prompt("nothing that the scenario expects")
        with pytest.raises(ModelFailed, match="rehearsal"):
            await turn


async def test_a_route_without_its_key_says_which(
    vm: AgentOs, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)
    async with await vm.create_session("codex", model="openrouter/qwen/qwen3") as session:
        with pytest.raises(ModelFailed, match="OPENROUTER_API_KEY"):
            await session.prompt("hi")


async def test_contradictions_are_refused(vm: AgentOs, home: Path) -> None:
    with pytest.raises(ConfigInvalid, match="no route"):
        await vm.create_session("codex", provider="nowhere")
    with pytest.raises(ConfigInvalid, match="no default"):
        await vm.create_session("codex", credentials="gateway")
    with pytest.raises(ConfigInvalid, match="kept by the gateway"):
        await vm.create_session("codex", env={"OPENAI_API_KEY": "dummy"}, budget=Budget(money=1))
    with pytest.raises(AuthenticationRequired):
        await vm.create_session("codex", credentials="env")
    assert await vm.processes() == []


async def test_two_machines_cannot_use_each_others_keys(vm: AgentOs) -> None:
    ask = (
        "import sys, urllib.request as u, urllib.error as e\n"
        "r = u.Request('http://models.agentos.internal/v1/responses', b'{}',"
        " {'authorization': 'Bearer ' + sys.argv[1]})\n"
        "try: u.urlopen(r)\n"
        "except e.HTTPError as error: print(error.code, error.read().decode())\n"
    )
    mine = played(vm, Step(say="mine"), agent="codex-acp")
    async with AgentOs() as other, mine as (_, gateway, model):
        session = await other.create_session("codex", provider=gateway, model="played/gpt-5.5")
        environ = next(p for p in await places_of("agentos-", vm) if p.endswith("/environ"))
        words = (await vm.exec(f"tr '\\0' '\\n' < {environ}", check=True)).stdout.split("\n")
        (stolen,) = [w.partition("=")[2] for w in words if w.startswith("AGENTOS_MODEL_KEY=")]
        tried = await other.exec(["python3", "-c", ask, stolen])
        assert tried.stdout.startswith("401 ")
        assert "belongs to another machine" in tried.stdout
        refused = gateway.calls[-1]
        assert refused.status == 401
        assert refused.key_id in stolen
        await session.close()
    assert model.turns == []


async def _until_turn_ended(session: Session):  # type: ignore[no-untyped-def]
    async for event in session.events():
        yield event
        if event.type == "turn_ended":
            return


async def test_a_profile_is_a_file_or_has_a_budget(vm: AgentOs) -> None:
    with pytest.raises(ConfigInvalid, match="no profile 'carful'"):
        async with played(vm, Step(say="never"), profile="carful"):
            pass
    budgets = [Budget(tokens=10**6, per="profile", profile="cheap")]
    async with played(vm, Step(say="hi"), budgets=budgets, profile="cheap") as opened:
        session, gateway, _ = opened
        await session.prompt("go")
    assert [call.profile for call in gateway.calls] == ["cheap"]


async def test_a_profile_names_the_route(vm: AgentOs) -> None:
    file = 'model = "played/gpt-5.5"\n'
    async with played(vm, Step(say="hi"), model=None, profile="planner", profile_file=file) as (
        session,
        gateway,
        _,
    ):
        await session.prompt("go")
    assert [(call.profile, call.model_served) for call in gateway.calls] == [("planner", "gpt-5.5")]
