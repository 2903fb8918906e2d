"""`agentos record` and `agentos replay` with a plain HTTP program, as a user runs them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.models.gateway.conftest import Answering, ScriptedProvider, events

KEY = "the-key-of-the-provider-1"
CLIENT = """
import json, os, sys, urllib.error, urllib.request

def ask(text):
    base, wire, header = os.environ["OPENAI_BASE_URL"], "responses", "authorization"
    key = "Bearer " + os.environ["OPENAI_API_KEY"]
    if text.startswith("claude"):
        base, wire, header = os.environ["ANTHROPIC_BASE_URL"] + "/v1", "messages", "x-api-key"
        key = os.environ["ANTHROPIC_API_KEY"]
    body = json.dumps({"model": "m", "input": text, "stream": True}).encode()
    asked = urllib.request.Request(f"{base}/{wire}", body, {header: key})
    try:
        return urllib.request.urlopen(asked).read().decode()
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"

for text in sys.argv[1:]:
    if text == "wait":
        sys.stdin.read()
    elif text.startswith("exit"):
        sys.exit(int(text[4:]))
    else:
        print(ask(text), flush=True)
"""


async def echo(answering: Answering) -> None:
    await answering.stream(events(answering.asked.json["input"]))


class Stage:
    """A directory with a program that asks a provider."""

    def __init__(self, directory: Path, provider: ScriptedProvider) -> None:
        self.tape = directory / "tape.yaml"
        self.program = directory / "client.py"
        self.program.write_text(CLIENT)
        self.provider = provider
        self.env = {
            **os.environ,
            "AGENTOS_HOME": str(directory),
            "AGENTOS_STORE_URL": f"sqlite:///{directory}/agentos.db",
        }
        reach = ("OPENAI", provider.base_url), ("ANTHROPIC", provider.base_url)
        self.reach = {f"{name}_BASE_URL": url for name, url in reach}
        self.reach |= {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}

    async def start(
        self, command: str, *texts: str, options: tuple[str, ...] = ()
    ) -> asyncio.subprocess.Process:
        words = [sys.executable, "-m", "agentos", command, *options, str(self.tape)]
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *(*words, "--", sys.executable, str(self.program), *texts),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=self.env | (self.reach if command == "record" else {}),
            start_new_session=True,
        )

    async def run(
        self, command: str, *texts: str, options: tuple[str, ...] = ()
    ) -> tuple[int, str, str]:
        process = await self.start(command, *texts, options=options)
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with provider() as scripted:
        yield Stage(tmp_path, scripted)


@asynccontextmanager
async def provider() -> AsyncIterator[ScriptedProvider]:
    async with asyncio.timeout(90), ScriptedProvider(echo) as scripted:
        yield scripted


async def test_a_program_is_recorded_and_replayed(stage: Stage) -> None:
    texts = ("one", "claude two", "three")
    code, heard, err = await stage.run("record", *texts)
    assert (code, err) == (0, "")
    asked = [
        (a.path, a.headers.get("authorization"), a.headers.get("x-api-key"))
        for a in stage.provider.asked
    ]
    responses = ("/v1/responses", f"Bearer {KEY}", None)
    assert asked == [responses, ("/v1/messages", None, KEY), responses]
    assert KEY not in stage.tape.read_text()
    assert await stage.run("replay", *texts) == (0, heard, "")
    assert len(stage.provider.asked) == 3


async def test_a_changed_program_gets_a_diff_and_a_failure(stage: Stage) -> None:
    await stage.run("record", "one", "two")
    before = stage.tape.read_bytes()
    code, out, err = await stage.run("replay", "one", "other")
    assert code == 1
    assert "403" in out
    for shown in ("-  input: two", "+  input: other", f"{stage.tape}:", "mode `all`"):
        assert shown in err
    assert (await stage.run("replay", "other", "exit7"))[0] == 7
    assert stage.tape.read_bytes() == before


async def test_what_is_left_over_is_told(stage: Stage) -> None:
    await stage.run("record", "one", "two")
    code, _, err = await stage.run("replay", "one")
    assert code == 0
    assert "never asked for" in err
    line = err.partition(f"{stage.tape}:")[2].partition(" ")[0]
    assert "method: POST" in stage.tape.read_text().splitlines()[int(line) - 1]


async def test_modes_and_exit_codes(stage: Stage) -> None:
    code, _, err = await stage.run("replay", "one")
    assert code == 1
    assert "there is no cassette" in err
    assert (await stage.run("record", "one", "exit9"))[0] == 9
    code, _, err = await stage.run("record", "one")
    assert "was replayed; --mode all records anew" in err
    await stage.run("record", "one", "two", options=("--mode", "new_episodes"))
    assert len(stage.provider.asked) == 2
    await stage.run("record", "three", options=("--mode", "all"))
    assert "two" not in stage.tape.read_text()
    code, _, err = await stage.run("record", options=("--mode", "all"))
    assert "no model call was heard" in err
    assert "three" in stage.tape.read_text()
    stage.program.unlink()
    code, _, err = await stage.run("record", "--mode=often")
    assert code != 0


async def test_options_keep_parts_and_secrets_out(stage: Stage) -> None:
    stage.reach["MY_OWN"] = "swordfish"
    words = ("--mask", r"\d+ files", "--secret", "MY_OWN")
    await stage.run("record", "3 files of swordfish", options=words)
    assert "swordfish" not in stage.tape.read_text()
    code, _, _ = await stage.run("replay", "4 files of <secret>")
    assert code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupt_ends_the_program_and_writes(stage: Stage, number: int) -> None:
    process = await stage.start("record", "one", "wait")
    assert process.stdout
    while b"response.completed" not in await process.stdout.readline():
        pass
    process.send_signal(number)
    _, err = await process.communicate()
    assert process.returncode == 128 + number
    assert b"agentos/" not in err, err
    assert "one" in stage.tape.read_text()


async def test_a_kill_leaves_the_old_file(stage: Stage) -> None:
    await stage.run("record", "one")
    before = stage.tape.read_bytes()
    process = await stage.start("record", "two", "wait", options=("--mode", "all"))
    assert process.stdout
    while b"response.completed" not in await process.stdout.readline():
        pass
    process.kill()
    await process.communicate(b"")  # its program ends with its input
    assert stage.tape.read_bytes() == before
    assert not [p for p in stage.tape.parent.iterdir() if p.name.startswith(".tape")]
    assert (await stage.run("replay", "one"))[0] == 0
