"""What is read from a request: its kind, its texts, the tools it offers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentos.models.rehearsal import Kind, ModelRequest

TITLE_SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}}


def user(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def output(text: Any, kind: str = "function_call_output") -> dict[str, Any]:
    return {"type": kind, "call_id": "c", "output": text}


CALL = {"type": "function_call", "call_id": "c", "name": "exec_command", "arguments": "{}"}


def request(
    *items: dict[str, Any], headers: dict[str, str] | None = None, **body: Any
) -> ModelRequest:
    return ModelRequest("POST", "/v1/responses", headers or {}, {"input": list(items), **body})


def metadata(**fields: str) -> dict[str, str]:
    return {"x-codex-turn-metadata": json.dumps(fields)}


def asking_for(schema: dict[str, Any]) -> dict[str, Any]:
    return {"format": {"type": "json_schema", "name": "codex_output_schema", "schema": schema}}


@pytest.mark.parametrize(
    ("kind", "headers", "text", "schema"),
    [
        (Kind.TURN, metadata(request_kind="turn"), "Generate a title", None),
        (Kind.TURN, {}, "Tell the title of this book", TITLE_SCHEMA),
        (Kind.TITLE, {}, "Your task is to generate a very short title for ...", TITLE_SCHEMA),
        (Kind.GUARDIAN, {"x-openai-subagent": "guardian"}, "Assess this", None),
        (Kind.SUBAGENT, {"x-openai-subagent": "collab_spawn"}, "Help out", None),
        (Kind.COMPACTION, metadata(request_kind="compaction"), "Summarize", None),
        (Kind.MEMORY, metadata(thread_source="memory_consolidation"), "Consolidate", None),
        (Kind.TURN, {"x-codex-turn-metadata": "{"}, "Hi", None),
        (Kind.TURN, {"x-codex-turn-metadata": "[1]"}, "Hi", None),
    ],
)
def test_tells_what_a_request_is_for(
    kind: Kind, headers: dict[str, str], text: str, schema: dict[str, Any] | None
) -> None:
    form = asking_for(schema) if schema else {"verbosity": "low"}
    assert request(user(text), headers=headers, text=form).kind is kind


def test_finds_the_users_own_words_among_the_context() -> None:
    seen = request(
        {"type": "message", "role": "developer", "content": "Be brief."},
        user("# AGENTS.md instructions for /work\n..."),
        user("<environment_context>\n  <cwd>/work</cwd>"),
        user("Use the <b> tag"),
        user("<skill>\n<name>tea</name>"),
        instructions="Be kind.",
    )
    assert seen.last_user_text == "Use the <b> tag"
    assert seen.developer_messages == ["Be brief."]
    assert seen.instructions == "Be kind.\nBe brief."
    assert "<name>tea</name>" in seen.input_text


def test_the_latest_outputs_are_those_of_the_last_answer() -> None:
    first = [CALL, output("old\nProcess exited with code 9")]
    second = [CALL, CALL, output("Process exited with code 3\nOutput:\nx"), output("plain")]
    seen = request(user("Go"), *first, *second)
    assert seen.latest_outputs == ["Process exited with code 3\nOutput:\nx", "plain"]
    assert seen.exit_code == 3
    assert len(seen.tool_outputs) == 3


@pytest.mark.parametrize(
    ("answered", "exit_code"),
    [
        ("Chunk ID: 1\nWall time: 0 s\nProcess exited with code 1\nOutput:\n", 1),
        ("Exit code: 0\nWall time: 0 seconds\nOutput:\nSuccess.", 0),
        ([{"type": "input_text", "text": "Script completed\nProcess exited with code -1"}], -1),
        ("Process running with session ID 5", None),
        ("it said: Process exited with code 1", None),
        (None, None),
    ],
)
def test_reads_the_exit_code(answered: object, exit_code: int | None) -> None:
    assert request(CALL, output(answered, "custom_tool_call_output")).exit_code == exit_code


def test_lists_the_tools_wherever_they_are_offered() -> None:
    mcp = {"type": "namespace", "name": "mcp__notes", "tools": [{"type": "function", "name": "f"}]}
    code = {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}
    seen = request(
        {"type": "additional_tools", "tools": [code]},
        {"type": "tool_search_output", "tools": [mcp]},
        tools=[{"type": "custom", "name": "apply_patch"}, {"type": "tool_search"}],
    )
    assert seen.offered_tools == {"exec", "mcp__notes.f", "apply_patch", "tool_search"}


def test_names_the_thread_by_header_or_by_cache_key() -> None:
    headers = {"thread-id": "t", "session-id": "s"}
    assert request(headers=headers, prompt_cache_key="k").thread_id == "t"
    assert request(headers={"session-id": "s"}).thread_id == "s"
    assert request(prompt_cache_key="k").thread_id == "k"
    assert request().thread_id == ""
