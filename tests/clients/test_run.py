"""`agentos run` and `agentos demo`, with the real Codex."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from agentos import RehearsalModel, Scenario, Step
from agentos.models.rehearsal import Kind

AGENTOS = [sys.executable, "-m", "agentos"]
FIX = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** End Patch\n"


@pytest.fixture(autouse=True)
def _no_hub(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no hub of the user's take what is run here."""
    monkeypatch.setenv("AGENTOS_STATE_DIR", str(tmp_path_factory.mktemp("state")))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("one\n")
    return tmp_path


async def start(*words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *AGENTOS, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


async def agentos(*words: str) -> tuple[int, str, str]:
    process = await start(*words)
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def run_words(model: RehearsalModel, *words: str) -> list[str]:
    key, url = f"OPENAI_API_KEY={model.api_key}", f"OPENAI_BASE_URL={model.base_url}"
    return ["run", "codex", "do it", "-m", "gpt-5.5", "-e", key, "-e", url, *words]


def model_of(*steps: Step) -> RehearsalModel:
    return RehearsalModel(Scenario(steps=list(steps)))


async def test_diff_is_shown_and_the_workspace_stays(workspace: Path) -> None:
    steps = [Step(say="I fix it.", patch=FIX), Step(run="echo checked"), Step(say="Done.")]
    async with model_of(*steps) as model:
        code, out, err = await agentos(*run_words(model, "-w", str(workspace)))
    assert code == 0, err
    for shown in ("I fix it.", "$ echo checked", "  checked", "exit 0", "Done.", "-one", "+two"):
        assert shown in out
    assert (workspace / "a.txt").read_text() == "one\n"


async def test_apply_brings_the_changes_back(workspace: Path) -> None:
    async with model_of(Step(patch=FIX), Step(say="Done.")) as model:
        code, _, err = await agentos(*run_words(model, "-w", str(workspace), "--apply"))
    assert code == 0, err
    assert (workspace / "a.txt").read_text() == "two\n"


async def test_json_is_one_event_a_line(workspace: Path) -> None:
    async with model_of(Step(patch=FIX), Step(say="Done.")) as model:
        code, out, _ = await agentos(*run_words(model, "-w", str(workspace), "--json"))
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert rows[0]["type"] == "turn_started"
    assert [r["type"] for r in rows[-2:]] == ["turn_ended", "workspace_changes"]
    assert rows[-1]["data"]["changes"][0]["path"] == "a.txt"


async def test_a_session_is_resumed(workspace: Path) -> None:
    async with model_of(Step(say="I call it Ada."), Step(say="It is Ada.")) as model:
        code, out, err = await agentos(*run_words(model))
        assert code == 0, err
        id = out.split("--resume ")[1].split()[0]
        code, out, err = await agentos(*run_words(model, "--resume", id, "-w", str(workspace)))
        assert code == 0, err
        assert "It is Ada." in out
        assert "I call it Ada." in json.dumps(model.turns[-1].body)
    code, out, _ = await agentos("sessions", "export", id, "-f", "markdown")
    assert out.count("## Prompt") == 2


async def test_what_it_is_given_to_read_reaches_the_model(workspace: Path) -> None:
    (workspace / "skill").mkdir()
    skill = "---\nname: plants\ndescription: Tends the plants.\n---\nWater them.\n"
    (workspace / "skill/SKILL.md").write_text(skill)
    (workspace / "AGENTS.md").write_text("Speak of roses.\n")
    (workspace / "learned.md").write_text("The well is dry.\n")
    (workspace / "planner.toml").write_text('developer_instructions = "Only plan."\n')
    words = ["--skill", str(workspace / "skill"), "--remember", str(workspace / "learned.md")]
    words += ["--instructions-file", str(workspace / "AGENTS.md")]
    words += ["--profile", "planner", "--profile-file", str(workspace / "planner.toml")]
    async with model_of(Step(say="Done.")) as model:
        code, _, err = await agentos(*run_words(model, *words))
    assert code == 0, err
    said = json.dumps(model.turns[0].body)
    for told in ("Tends the plants.", "Speak of roses.", "The well is dry.", "Only plan."):
        assert told in said


async def test_a_policy_that_is_none() -> None:
    code, _, err = await agentos("run", "codex", "do it", "--permission", "maybe")
    assert (code, "allow, ask or reject" in err) == (1, True)


@pytest.mark.parametrize("policy", ["reject", "ask"])
async def test_nobody_to_ask_is_rejected_with_a_word(workspace: Path, policy: str) -> None:
    async with model_of(Step(run="touch made"), Step(say="Done.")) as model:
        words = run_words(model, "-w", str(workspace), "--permission", policy)
        process = await asyncio.create_subprocess_exec(
            *AGENTOS,
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert process.returncode == 0, err
    assert "The workspace is unchanged." in out.decode()
    if policy == "ask":
        assert "rejected, as there is no terminal to ask at: touch made" in err.decode()


@pytest.mark.parametrize("answers", [["9", "1"], ["\x04"], None], ids=["yes", "no", "Ctrl-C"])
async def test_the_person_at_the_terminal_is_asked(
    workspace: Path, answers: list[str] | None
) -> None:
    async with model_of(Step(run="touch made"), Step(say="Done.")) as model:
        terminal, theirs = os.openpty()
        words = run_words(model, "-w", str(workspace), "--permission", "ask")
        process = await asyncio.create_subprocess_exec(
            *AGENTOS, *words, stdin=theirs, stderr=theirs, stdout=asyncio.subprocess.PIPE
        )
        os.close(theirs)
        for answer in answers or [""]:
            shown = await asyncio.to_thread(_read_until, terminal, b"Answer 1 to ")
            assert b"touch made" in shown or b"9" in shown
            os.write(terminal, answer.encode() + (b"\n" if answer.isdigit() else b""))
        if answers is None:
            process.send_signal(signal.SIGINT)
        out, _ = await process.communicate()
        os.close(terminal)
    assert process.returncode == (130 if answers is None else 0)
    assert ("made" in out.decode().partition("What changed")[2]) == (answers == ["9", "1"])


def _read_until(fd: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        seen += os.read(fd, 1)
    return seen


async def test_without_credentials_one_readable_message() -> None:
    code, _, err = await agentos("run", "codex", "do it")
    assert code == 1
    assert "OPENAI_API_KEY" in err
    assert "Traceback" not in err


async def test_unknown_agent_and_missing_workspace(tmp_path: Path) -> None:
    code, _, err = await agentos("run", "codecs", "do it")
    assert (code, "did you mean 'codex'" in err) == (1, True)
    code, _, err = await agentos("run", "codex", "do it", "-w", str(tmp_path / "nothing"))
    assert (code, "nothing' does not exist" in err) == (2, True)


async def test_failing_provider_is_one_readable_message(workspace: Path) -> None:
    async with model_of(Step(status=401)) as model:
        patience = {"request_max_retries": 0, "stream_max_retries": 0}
        config = json.dumps({"model_providers": {"agentos": patience}})
        words = run_words(model, "-w", str(workspace), "-e", f"CODEX_CONFIG={config}")
        code, _, err = await agentos(*words)
    assert code == 1
    assert "401" in err
    assert "Traceback" not in err


async def test_first_interrupt_cancels_the_turn_and_shows_the_diff(workspace: Path) -> None:
    async with model_of(Step(patch=FIX), Step(say="thinking", hang=True)) as model:
        process = await start(*run_words(model, "-w", str(workspace)))
        await model.wait_for(Kind.TURN, 2)
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert process.returncode == 130
    assert b"cancelling" in err
    assert b"+two" in out


async def test_second_interrupt_ends_the_machine(workspace: Path) -> None:
    script = "trap '' INT TERM; while :; do sleep 45678; done"
    async with model_of(Step(run=script), Step(say="never")) as model:
        process = await start(*run_words(model, "-w", str(workspace)))
        while not _sleepers():
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.stderr
        while b"cancelling" not in await process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert not _sleepers()


def _sleepers() -> list[Path]:
    return [p for p in Path("/proc").glob("[0-9]*/cmdline") if _read(p) == b"sleep\x0045678\0"]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


async def test_demo_repairs_the_project() -> None:
    code, out, err = await agentos("demo")
    assert code == 0, err
    assert "FAILED (failures=1)" in out
    assert "+        if total >= threshold:" in out
    assert "All 3 tests pass now." in out
