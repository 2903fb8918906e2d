"""The real Codex with a provider that only has Chat Completions."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.models.gateway.conftest import Answering, Asked, ScriptedProvider

from agentos import AgentOs, McpServer, ModelFailed, ModelGateway, Provider, Session
from agentos.models.attribution import Kind
from agentos.models.upstream import Wire

PATCH = '*** Begin Patch\n*** Add File: note.txt\n+it\'s "quoted" & $HOME\n*** End Patch\n'
NOTES = (Path(__file__).parents[1] / "data" / "notes_stdio.py").read_text()
USAGE = {
    "prompt_tokens": 1200,
    "prompt_tokens_details": {"cached_tokens": 1000},
    "completion_tokens": 50,
    "completion_tokens_details": {"reasoning_tokens": 20},
    "total_tokens": 1250,
}
Delta = dict[str, Any]


def call(name: str, *, index: int = 0, **arguments: object) -> list[Delta]:
    """A call of a tool, in pieces as providers send it."""
    text = json.dumps(arguments)
    first: Delta = {"id": f"call_{name}{index}", "type": "function"}
    pieces: list[Delta] = [{**first, "function": {"name": name, "arguments": ""}}]
    for place in range(0, len(text), 9):
        pieces.append({"function": {"arguments": text[place : place + 9]}})
    return [{"tool_calls": [piece | {"index": index}]} for piece in pieces]


def stream(*deltas: Delta) -> bytes:
    """A whole Chat answer."""
    finish = "tool_calls" if any("tool_calls" in delta for delta in deltas) else "stop"
    about = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "served-1"}
    choices: list[Any] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    said: list[Delta] = [{**about, "choices": [choice], "usage": None} for choice in choices]
    said.append({**about, "choices": [], "usage": USAGE})
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in said]
    return ("".join(lines) + "data: [DONE]\n\n").encode()


TITLE = stream({"content": '{"title": "A busy day"}'})


@dataclass
class ChatOnly:
    """Plays one answer after the other, and gives what asks for a title one."""

    answers: list[bytes]

    async def __call__(self, answering: Answering) -> None:
        if answering.asked.path != "/v1/chat/completions":
            await answering.json(404, {"error": {"message": "there is only Chat here"}})
            return
        titled = "response_format" in answering.asked.json
        data = TITLE if titled else self.answers.pop(0)
        await answering.begin()
        for place in range(0, len(data), 100):
            await answering.chunk(data[place : place + 100])
        await answering.end()


@asynccontextmanager
async def talking(
    vm: AgentOs, slug: str, *answers: bytes, agent: str = "codex"
) -> AsyncIterator[tuple[Session, list[Asked], ModelGateway]]:
    """A session of Codex whose provider gives these answers."""
    async with ScriptedProvider(ChatOnly(list(answers))) as scripted:
        provider = Provider("local", scripted.base_url, speaks=[Wire.CHAT], retries=0)
        async with ModelGateway([provider]) as gateway:
            session = await vm.create_session(agent, provider=gateway, model=f"local/{slug}")
            async with session:
                yield session, scripted.asked, gateway


def messages(asked: Asked, role: str) -> list[dict[str, Any]]:
    return [message for message in asked.json["messages"] if message["role"] == role]


@pytest.mark.parametrize("slug", ["gpt-5.5", "gpt-5.6-luna", "some-model"])
async def test_it_runs_a_command_and_applies_a_patch(vm: AgentOs, slug: str) -> None:
    """Through a function, a freeform tool, or JavaScript that the model writes."""
    command = "printf 'a\\n' > made.txt; echo \"it's done\"; exit 3"
    if slug == "gpt-5.6-luna":
        script = f"const r = await tools.exec_command({json.dumps({'cmd': command})});"
        run = call("exec", input=f"{script}\ntext(r.output); text(`code ${{r.exit_code}}`);")
        patch = call("exec", input=f"await tools.apply_patch({json.dumps(PATCH)});")
    else:
        run = call("exec_command", cmd=command)
        heredoc = f"apply_patch <<'EOF'\n{PATCH}EOF"
        freeform = slug == "gpt-5.5"
        patch = call("apply_patch", input=PATCH) if freeform else call("exec_command", cmd=heredoc)
    thinking = {"reasoning_content": "First I look around."}
    answers = [
        stream(thinking, {"content": "I will run a command."}, *run),
        stream(*patch),
        stream({"content": "All "}, {"content": "done."}),
    ]
    async with talking(vm, slug, *answers) as (session, asked, gateway):
        result = await session.prompt("be busy")
        assert result.text.endswith("All done.")
        assert await vm.read_text("made.txt") == "a\n"
        assert await vm.read_text("note.txt") == 'it\'s "quoted" & $HOME\n'
    outputs = [m["content"] for m in messages(asked[-1], "tool")]
    assert "it's done" in outputs[0]
    assert "3" in outputs[0]
    assert len(outputs) == 2
    # The provider gets back what its model thought, in its own field.
    assert messages(asked[-1], "assistant")[0]["reasoning_content"] == "First I look around."
    assert messages(asked[-1], "system")[0]["content"].startswith("You are ")
    assert len(messages(asked[-1], "system")) == 1
    tokens = [c.tokens for c in gateway.calls]
    assert [(t.input, t.cached_input, t.output, t.reasoning) for t in tokens if t] == [
        (1200, 1000, 50, 20)
    ] * 3
    assert {c.model_served for c in gateway.calls} == {"served-1"}


@pytest.mark.parametrize("slug", ["gpt-5.5", "some-model"])
async def test_it_calls_a_tool_of_an_mcp_server(vm: AgentOs, slug: str) -> None:
    """Which Codex keeps behind a search for models that it knows."""
    await vm.write_file("notes.py", NOTES)
    server = McpServer(command="python3", args=["/home/agentos/notes.py"], env={"OWNER": "Ada"})
    name = "mcp__team_notes__search_notes"
    answers = [stream(*call(name, query="beer")), stream({"content": "found"})]
    if slug == "gpt-5.5":
        answers.insert(0, stream(*call("tool_search", query="search notes")))
    async with ScriptedProvider(ChatOnly(answers)) as scripted:
        provider = Provider("local", scripted.base_url, speaks=[Wire.CHAT])
        async with ModelGateway([provider]) as gateway:
            session = await vm.create_session(
                "codex",
                provider=gateway,
                model=f"local/{slug}",
                mcp_servers={"team-notes": server},
            )
            async with session:
                assert (await session.prompt("look in the notes")).text == "found"
    last = scripted.asked[-1]
    assert "beer is in notes of Ada" in messages(last, "tool")[-1]["content"]
    assert name in [tool["function"]["name"] for tool in last.json["tools"]]
    if slug == "gpt-5.5":
        assert name not in [t["function"]["name"] for t in scripted.asked[0].json["tools"]]
        assert name in messages(last, "tool")[0]["content"]


async def test_its_adapter_and_the_title_that_it_asks_for(vm: AgentOs) -> None:
    answers = stream(*call("exec_command", cmd="echo a > a.txt")), stream({"content": "ok"})
    async with (
        talking(vm, "some-model", *answers, agent="codex-acp") as (session, asked, gateway),
        asyncio.timeout(60),
    ):
        assert (await session.prompt("go")).text.endswith("ok")
        assert await vm.read_text("a.txt") == "a\n"
        while not any(c.kind is Kind.TITLE for c in gateway.calls):
            await asyncio.sleep(0.02)
    (title,) = [a.json for a in asked if "response_format" in a.json]
    assert title["model"] == "some-model"
    assert title["response_format"]["json_schema"]["schema"]["required"] == ["title"]


async def test_two_calls_at_once_each_get_their_output(vm: AgentOs) -> None:
    deltas = [*call("exec_command", cmd="echo one"), *call("exec_command", index=1, cmd="echo two")]
    # Interleaved: a piece of the one, a piece of the other.
    half = len(deltas) // 2
    both = [delta for pair in zip(deltas[:half], deltas[half:], strict=True) for delta in pair]
    async with talking(vm, "gpt-5.5", stream(*both), stream({"content": "ok"})) as (
        session,
        asked,
        _,
    ):
        await session.prompt("both")
    (said,) = messages(asked[-1], "assistant")
    outputs = {m["tool_call_id"]: m["content"] for m in messages(asked[-1], "tool")}
    told = [outputs[c["id"]] for c in said["tool_calls"]]
    assert ["one" in told[0], "two" in told[1]] == [True, True]


async def test_it_sees_an_image(vm: AgentOs) -> None:
    await vm.write_file("dot.png", _png())
    answers = [
        stream(*call("view_image", path="/home/agentos/dot.png")),
        stream({"content": "a dot"}),
    ]
    async with talking(vm, "gpt-5.5", *answers) as (session, asked, _):
        assert (await session.prompt("what is it?")).text.endswith("a dot")
    seen = messages(asked[-1], "user")[-1]["content"]
    assert [part["type"] for part in seen] == ["text", "image_url"]
    prefix = "data:image/png;base64,"
    url = seen[1]["image_url"]["url"]
    assert url.startswith(prefix)
    assert base64.b64decode(url.removeprefix(prefix)).startswith(b"\x89PNG")


async def test_an_answer_that_breaks_off_is_asked_for_again(vm: AgentOs) -> None:
    whole = stream(*call("exec_command", cmd="echo once >> runs.txt"))
    broken = whole[: whole.index(b"usage") + 400]
    async with talking(vm, "gpt-5.5", broken, whole, stream({"content": "ok"})) as (
        session,
        asked,
        gateway,
    ):
        assert (await session.prompt("go")).text.endswith("ok")
        assert await vm.read_text("runs.txt") == "once\n"
    assert len(asked) == 3
    assert gateway.calls[0].error == "the provider broke off its answer"


async def test_a_refusal_of_the_provider_is_told(vm: AgentOs) -> None:
    async def refuse(answering: Answering) -> None:
        await answering.json(400, {"object": "error", "message": "too long for me", "code": 400})

    async with ScriptedProvider(refuse) as scripted:
        provider = Provider("local", scripted.base_url, speaks=[Wire.CHAT])
        async with ModelGateway([provider]) as gateway:
            session = await vm.create_session("codex", provider=gateway, model="local/gpt-5.5")
            async with session:
                with pytest.raises(ModelFailed, match="too long for me"):
                    await session.prompt("go")


def _png() -> bytes:
    """A picture of one red dot."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )
