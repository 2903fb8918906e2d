"""`agentos run` while a hub runs: the hub holds the session, and nothing else is different."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agentos import RehearsalModel, Scenario, Step

PATIENCE = 90.0
FIX = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** End Patch\n"
FOUND = "in the hub at http"


@dataclass
class Place:
    """A home, a state directory and a store, for a hub and for commands beside it."""

    root: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.state = self.root / "state"
        self.workspace = self.root / "workspace"
        self.workspace.mkdir()
        (self.workspace / "a.txt").write_text("one\n")
        self.environment = {
            **os.environ,
            "AGENTOS_STATE_DIR": str(self.state),
            "AGENTOS_HOME": str(self.root / "home"),
            "AGENTOS_STORE_URL": f"sqlite:///{self.root}/agentos.db",
            "CODEX_HOME": str(self.root / "codex"),
        }

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "agentos", *words]

    def agentos(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=PATIENCE,
            check=False,
            **more,
        )

    def up(self) -> dict[str, Any]:
        ran = self.agentos("up", "--port", "0")
        assert ran.returncode == 0, ran.stderr
        said: dict[str, Any] = json.loads((self.state / "hub.json").read_text())
        return said

    @contextmanager
    def hub(self) -> Iterator[dict[str, Any]]:
        try:
            yield self.up()
        finally:
            self.agentos("down", "--yes")

    def sessions(self) -> list[dict[str, Any]]:
        said: list[dict[str, Any]] = json.loads(self.agentos("sessions", "list", "--json").stdout)
        return said


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def words_of(model: RehearsalModel, *words: str) -> list[str]:
    key, url = f"OPENAI_API_KEY={model.api_key}", f"OPENAI_BASE_URL={model.base_url}"
    return ["run", "codex", "do it", "-m", "gpt-5.5", "-e", key, "-e", url, *words]


def model_of(*steps: Step) -> RehearsalModel:
    return RehearsalModel(Scenario(steps=list(steps)))


def without_ids(text: str) -> str:
    return re.sub(r"--resume \S+", "--resume ID", text)


async def ran(place: Place, steps: Sequence[Step], *words: str) -> subprocess.CompletedProcess[str]:
    import asyncio

    async with model_of(*steps) as model:
        return await asyncio.to_thread(place.agentos, *words_of(model, *words))


STEPS = [Step(say="I fix it.", patch=FIX), Step(run="echo checked"), Step(say="Done.")]


async def test_what_is_shown_is_the_same_as_alone(place: Place) -> None:
    with place.hub():
        words = ("-w", str(place.workspace))
        there = await ran(place, STEPS, *words)
        here = await ran(place, STEPS, *words, "--alone")
    assert there.returncode == here.returncode == 0, (there.stderr, here.stderr)
    assert without_ids(there.stdout) == without_ids(here.stdout)
    assert re.fullmatch(
        r"agentos: in the hub at http://\S+; --alone runs it here\n", there.stderr
    ), there.stderr
    assert here.stderr == ""
    assert (place.workspace / "a.txt").read_text() == "one\n"
    assert [one["ended"] is not None for one in place.sessions()] == [True, True]


async def test_a_name_of_any_bytes_hides_no_other_change(place: Place) -> None:
    touch = Step(run="touch \"$(printf 'b\\351')\"; echo new > z.txt")
    with place.hub():
        done = await ran(place, [touch, Step(say="Done.")], "-w", str(place.workspace))
    assert FOUND in done.stderr
    assert "z.txt" in done.stdout
    assert "+new" in done.stdout


async def test_json_is_the_same_as_alone(place: Place) -> None:
    with place.hub():
        words = ("-w", str(place.workspace), "--json")
        there = await ran(place, STEPS, *words)
        here = await ran(place, STEPS, *words, "--alone")
    assert FOUND in there.stderr

    def told(text: str) -> list[tuple[str, object]]:
        rows = [json.loads(line) for line in text.splitlines()]
        return [
            (row["type"], row["data"].get("changes") or row["data"].get("command")) for row in rows
        ]

    def without_pieces(rows: list[tuple[str, object]]) -> list[tuple[str, object]]:
        return [
            row for row in rows if row[0] in ("turn_started", "turn_ended", "workspace_changes")
        ]

    assert without_pieces(told(there.stdout)) == without_pieces(told(here.stdout))
    assert json.loads(there.stdout.splitlines()[-1])["data"]["changes"][0]["path"] == "a.txt"


async def test_apply_and_resume(place: Place) -> None:
    with place.hub():
        done = await ran(place, STEPS, "-w", str(place.workspace), "--apply")
        assert (done.returncode, FOUND in done.stderr) == (0, True), done.stderr
        assert (place.workspace / "a.txt").read_text() == "two\n"
        id = done.stdout.split("--resume ")[1].split()[0]
        again = await ran(place, [Step(say="It is fixed.")], "--resume", id)
        assert (again.returncode, FOUND in again.stderr) == (0, True), again.stderr
        assert "It is fixed." in again.stdout
    assert [one["id"] for one in place.sessions()] == [id]


async def test_a_model_that_fails_is_told_as_alone(place: Place) -> None:
    steps = [Step(status=400)]
    with place.hub():
        there = await ran(place, steps)
        here = await ran(place, steps, "--alone")
    assert there.returncode == here.returncode == 1
    assert there.stderr.splitlines()[1:] == here.stderr.splitlines()


async def test_ctrl_c_cancels_the_turn_and_ends_the_session(place: Place) -> None:
    with place.hub():
        async with model_of(Step(run="sleep 600"), Step(say="Done.")) as model:
            code, out, err = await interrupted(place, words_of(model), "$ sleep 600")
        assert code == 130, (out, err)
        assert "cancelling" in err
        assert "The turn ended: cancelled." in out
    assert [one["ended"] is not None for one in place.sessions()] == [True]


async def interrupted(
    place: Place, words: list[str], after: str, number: signal.Signals = signal.SIGINT
) -> tuple[int, str, str]:
    """Run a command and send it a signal once it has said something."""
    import asyncio

    process = await asyncio.create_subprocess_exec(
        *place.command(*words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=place.environment,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    out = b""
    async with asyncio.timeout(PATIENCE):
        while after not in out.decode():
            piece = await process.stdout.read(1000)
            assert piece, (await process.stderr.read()).decode()
            out += piece
        process.send_signal(number)
        rest, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, (out + rest).decode(), err.decode()


async def test_the_hub_tells_of_what_runs_alone(place: Place) -> None:
    import asyncio

    from agentos.hub.client import HubClient
    from agentos.hub.sessions.models import SessionState

    with place.hub():
        hub = HubClient.find(place.state)
        assert hub is not None
        async with hub, model_of(Step(run="sleep 600"), Step(say="Done.")) as model:
            words = words_of(model, "--alone")
            running = asyncio.create_task(interrupted(place, words, "$ sleep 600"))
            seen: list[tuple[str, bool]] = []
            async with asyncio.timeout(PATIENCE):
                while not (listed := (await hub.sessions()).sessions):
                    await asyncio.sleep(0.05)
                async for item in hub.follow(listed[0].id):
                    if isinstance(item, SessionState):
                        seen.append((str(item.state), item.live))
                        if item.state == "ended":
                            break
            assert (await running)[0] == 130
    assert {live for _, live in seen} == {False}
    assert {state for state, _ in seen} <= {"running", "idle", "ended"}


async def test_a_command_that_is_told_to_end_leaves_no_session(place: Place) -> None:
    with place.hub():
        async with model_of(Step(run="sleep 600"), Step(say="Done.")) as model:
            code, _, _ = await interrupted(place, words_of(model), "$ sleep 600", signal.SIGTERM)
        assert code == 128 + signal.SIGTERM
    assert [one["ended"] is not None for one in place.sessions()] == [True]


async def test_a_question_is_answered_at_the_terminal(place: Place) -> None:
    import asyncio

    with place.hub():
        async with model_of(Step(run="touch made"), Step(say="Done.")) as model:
            words = words_of(model, "--permission", "ask")
            shown = await asyncio.to_thread(at_a_terminal, place, words, "Answer 1 to", b"1\n")
    assert "touch made" in shown
    assert "Done." in shown
    assert FOUND in shown


def at_a_terminal(place: Place, words: list[str], question: str, answer: bytes) -> str:
    """Run a command on a terminal, answer what it asks, and return what was shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        place.command(*words), stdin=theirs, stdout=theirs, stderr=theirs, env=place.environment
    )
    os.close(theirs)
    shown, answered = b"", False
    try:
        while True:
            try:
                piece = os.read(ours, 10_000)
            except OSError:
                break
            shown += piece
            if not answered and question.encode() in shown:
                os.write(ours, answer)
                answered = True
        assert process.wait(PATIENCE) == 0, shown.decode()
    finally:
        os.close(ours)
        if process.poll() is None:
            process.kill()
            process.wait()
    return shown.decode()


async def test_without_a_terminal_questions_are_rejected(place: Place) -> None:
    with place.hub():
        done = await ran(place, [Step(run="touch made"), Step(say="Well.")], "--permission", "ask")
    assert done.returncode == 0, done.stderr
    assert "rejected, as there is no terminal to ask at: touch made" in done.stderr


async def test_a_hub_of_another_version_or_place_is_not_used(place: Place) -> None:
    with place.hub() as running:
        file = place.state / "hub.json"
        file.write_text(json.dumps({**running, "version": "0.0.1"}))
        done = await ran(place, [Step(say="Done.")])
        assert done.returncode == 0, done.stderr
        assert re.search(r"is of version 0\.0\.1, this is \S+; running here", done.stderr)
        file.write_text(json.dumps(running))
        place.environment["AGENTOS_STORE_URL"] = f"sqlite:///{place.root}/other.db"
        done = await ran(place, [Step(say="Done.")])
        assert done.returncode == 0, done.stderr
        assert "keeps sessions elsewhere; running here" in done.stderr


async def test_without_a_hub_it_runs_alone_and_says_nothing(place: Place) -> None:
    done = await ran(place, [Step(say="Done.")])
    assert (done.returncode, done.stderr) == (0, "")
