"""The real Codex, recorded with the rehearsal model as its provider, and replayed with none."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from agentos import (
    AgentOs,
    CassetteMismatch,
    ConfigInvalid,
    ModelFailed,
    ModelGateway,
    Provider,
    RehearsalModel,
    Scenario,
    Session,
    Step,
    cassette,
)
from agentos.models.rehearsal import Kind, load_scenario

STEPS = [
    Step(say="I look.", run="echo found; date; mktemp -d; cat /proc/sys/kernel/random/uuid"),
    Step(think="So there it is.", say="All done."),
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An AgentOS home and a store of the test's own."""
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AGENTOS_STORE_URL", f"sqlite:///{tmp_path}/agentos.db")
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


_TOLD = ("turn_started", "agent_thought_chunk", "agent_message_chunk", "tool_call", "turn_ended")


async def told(session: Session, prompt: str = "look around") -> list[object]:
    """Prompt, and return the transcript: what happened in order, the words, the usage."""
    turn = session.prompt(prompt)
    events = [event async for event in turn if event.type in _TOLD]
    result = await turn
    order = [(e.type, e.data.get("command")) for e in events]
    steps = [row for row, before in zip(order, [None, *order], strict=False) if row != before]
    return [*steps, result.text, result.stop_reason, result.usage]


def model_of(*steps: Step) -> RehearsalModel:
    return RehearsalModel(Scenario(steps=list(steps or STEPS)))


async def test_the_same_transcript_without_a_provider(agent: str, tmp_path: Path) -> None:
    path = tmp_path / "codex.yaml"
    async with (
        model_of() as model,
        cassette(path),
        AgentOs() as vm,
        await vm.create_session(agent, provider=model) as session,
    ):
        recorded = await told(session)
        if agent == "codex-acp":
            title = await model.wait_for(Kind.TITLE)
            await title.ended()
    assert "I look.\n\nAll done." in recorded
    assert len(model.turns) == 2
    assert model.api_key not in path.read_text()
    # The model is gone, and nobody names it.
    async with cassette(path, mode="none") as tape, AgentOs() as vm:
        async with await vm.create_session(agent) as session:
            assert await told(session) == recorded
        assert tape.unused == []


async def test_a_changed_prompt_gives_a_clear_diff(vm: AgentOs, tmp_path: Path) -> None:
    path = tmp_path / "codex.yaml"
    async with (
        model_of() as model,
        cassette(path),
        AgentOs() as first,
        await first.create_session("codex", provider=model) as session,
    ):
        await session.prompt("Mend the roof")
    tape = cassette(path, mode="none").__enter__()
    async with await vm.create_session("codex") as session:
        turn = session.prompt("Mend the wall")
        with pytest.raises(ModelFailed, match="is not on the cassette") as failed:
            await turn
    with pytest.raises(CassetteMismatch) as mismatch:
        tape.__exit__(None, None, None)
    for words in (str(failed.value), str(mismatch.value), mismatch.value.diff):
        assert "text: Mend the roof" in words
        assert "+      text: Mend the wall" in words
    line = int(mismatch.value.where.rpartition(":")[2])
    assert path.read_text().splitlines()[line - 1].strip() == "text: Mend the roof"


async def test_secrets_of_the_machine_are_not_written(vm: AgentOs, tmp_path: Path) -> None:
    """Neither the provider's key, nor the session's, nor what the agent finds."""
    path = tmp_path / "codex.yaml"
    steps = [Step(run="cat notes; env"), Step(say="The notes say ghp_0123456789abcdefghij0123.")]
    env = {"DEPLOY_TOKEN": "deploy-0123456789"}
    await vm.write_file("notes", "key: sk-proj-0123456789abcdefghij\n")
    async with model_of(*steps) as model, cassette(path):
        session = await vm.create_session("codex-acp", provider=model, env=env)
        async with session:
            said = (await session.prompt("read the notes")).text
    seen = "".join(model.turns[-1].tool_outputs)
    assert "sk-proj-0123456789abcdefghij" in seen
    assert "deploy-0123456789" in seen
    assert "ghp_0123456789abcdefghij0123" in said
    text = path.read_text()
    for secret in (model.api_key, "sk-proj-01", "deploy-012", "ghp_0123", "agentos-0", "Bearer"):
        assert secret not in text, secret
    assert text.count("<secret>") >= 3


async def test_two_sessions_at_once(tmp_path: Path) -> None:
    path = tmp_path / "codex.yaml"

    async def work(vm: AgentOs, word: str, **settings: object) -> object:
        async with await vm.create_session("codex", **settings) as session:  # type: ignore[arg-type]
            first = await told(session, f"say {word}")
            return first, await told(session, f"again {word}")

    async def both(**settings: object) -> list[object]:
        async with AgentOs() as one, AgentOs() as other:
            return list(
                await asyncio.gather(
                    work(one, "apples", **settings), work(other, "pears", **settings)
                )
            )

    steps = [Step(say="Here."), Step(run="echo more"), Step(say="And more.")]
    async with model_of(*steps) as model, cassette(path):
        recorded = await both(provider=model)
    assert len(model.turns) == 6
    async with cassette(path, mode="none") as tape:
        assert await both() == recorded
        assert tape.unused == []


async def test_a_gateway_of_the_callers_own_and_a_key_in_env(tmp_path: Path, vm: AgentOs) -> None:
    path = tmp_path / "codex.yaml"
    async with model_of(Step(say="Hello.")) as model:
        provider = Provider("mine", model.base_url, model.api_key)
        async with ModelGateway([provider], default="mine/gpt-5.5") as gateway:
            for _ in range(2):
                async with (
                    cassette(path),
                    await vm.create_session("codex", provider=gateway) as session,
                ):
                    assert (await session.prompt("hi")).text == "Hello."
    assert len(model.turns) == 1
    env = {"OPENAI_API_KEY": "not-the-key", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    async with (
        cassette(path),
        await vm.create_session("codex", env=env, model="gpt-5.5") as session,
    ):
        assert (await session.prompt("hi")).text == "Hello."


async def test_a_replay_needs_nothing_of_the_hosts_configuration(
    tmp_path: Path, home: Path, vm: AgentOs
) -> None:
    """Neither the provider of the `agentos.toml` where it was recorded, nor its names."""
    path = tmp_path / "codex.yaml"

    async def say(**settings: object) -> str:
        async with (
            cassette(path),
            await vm.create_session("codex", **settings) as session,  # type: ignore[arg-type]
        ):
            return (await session.prompt("hi")).text

    async with model_of(Step(say="Hello.")) as model:
        (home / "agentos.toml").write_text(
            f"""
            [models]
            default = "fast"
            aliases = {{ fast = "mine/gpt-5.5" }}
            [providers.mine]
            base_url = "{model.base_url}"
            key = {{ command = ["echo", "{model.api_key}"] }}
            """
        )
        assert await say() == "Hello."
    (home / "agentos.toml").unlink()
    assert model.api_key not in path.read_text()
    for settings in ({}, {"model": "fast"}, {"model": "mine/gpt-5.5"}):
        assert await say(**settings) == "Hello."
    assert len(model.turns) == 1


async def test_a_scenario_is_a_route_too(tmp_path: Path) -> None:
    path, scenario = str(tmp_path / "scenario.yaml"), load_scenario("fix-failing-test")
    assert scenario.project
    assert scenario.prompt
    words = (*RUN, scenario.prompt, "-w", str(scenario.project))
    code, _, err = await agentos(
        None, "record", "--route", f"rehearsal/{scenario.name}", path, *words
    )
    assert (code, err) == (0, "")
    code, shown, err = await agentos(None, "replay", path, *words)
    assert (code, err) == (0, "")
    assert "+        if total >= threshold:" in shown


async def test_what_a_cassette_cannot_hear_is_refused(vm: AgentOs, tmp_path: Path) -> None:
    await vm.mkdir(".codex")
    await vm.write_file(".codex/auth.json", json.dumps({"OPENAI_API_KEY": "dummy"}))
    async with cassette(tmp_path / "codex.yaml"):
        with pytest.raises(ConfigInvalid, match="cannot hear"):
            await vm.create_session("codex")


async def agentos(model: RehearsalModel | None, *words: str) -> tuple[int, str, str]:
    reach = {"OPENAI_API_KEY": model.api_key, "OPENAI_BASE_URL": model.base_url} if model else {}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agentos", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **reach},
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


RUN = ("--", sys.executable, "-m", "agentos", "run", "codex")


async def test_agentos_run_is_recorded_and_replayed(tmp_path: Path) -> None:
    path = str(tmp_path / "run.yaml")
    async with model_of() as model:
        code, shown, err = await agentos(
            model, "record", path, *RUN, "look", "-m", "openai/gpt-5.5"
        )
        assert (code, err) == (0, "")
        assert len(model.turns) == 2
    assert model.api_key not in Path(path).read_text()
    code, again, err = await agentos(None, "replay", path, *RUN, "look", "-m", "openai/gpt-5.5")
    assert (code, err) == (0, "")
    assert "All done." in again
    assert len(again.splitlines()) == len(shown.splitlines())
    code, _, err = await agentos(None, "replay", path, *RUN, "listen", "-m", "openai/gpt-5.5")
    assert code == 1
    assert "-      text: look" in err
    assert "+      text: listen" in err
    assert "Traceback" not in err
    code, _, err = await agentos(None, "replay", path, *RUN, "look", "-m", "nowhere/m", "-e", "X=1")
    assert code == 1
    assert "is not on the cassette" in err


async def test_a_session_that_goes_elsewhere_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "run.yaml")
    away = ("-e", "OPENAI_API_KEY=dummy", "-e", "OPENAI_BASE_URL=http://127.0.0.1:9/v1")
    code, _, err = await agentos(None, "record", path, *RUN, "look", *away)
    assert code == 1
    assert "names its provider itself" in err
    assert "no model call was heard" in err
    assert not Path(path).exists()
