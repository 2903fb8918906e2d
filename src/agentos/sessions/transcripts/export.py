"""Transcripts as JSON Lines and as Markdown."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from agentos.sessions.events import SessionEvent
from agentos.sessions.transcripts.record import SessionRecord

Events = AsyncIterator[SessionEvent]


async def as_json_lines(record: SessionRecord, events: Events) -> AsyncIterator[str]:
    """Yield the record of a session, then its events, a line of JSON each."""
    yield json.dumps({"session": asdict(record)}, default=plain) + "\n"
    async for event in events:
        yield json.dumps(asdict(event), ensure_ascii=False) + "\n"


async def as_markdown(record: SessionRecord, events: Events) -> AsyncIterator[str]:
    """Yield a session as a document for people, piece by piece."""
    yield f"# {record.title or record.id}\n\n"
    yield f"{record.agent} in {record.machine}, {record.created:%Y-%m-%d %H:%M} UTC\n"
    speaking = ""
    async for event in events:
        for speaker, text in _passages(event):
            if speaker != speaking:
                yield f"\n{_HEADINGS[speaker]}" if speaker in _HEADINGS else "\n"
            yield text
            speaking = speaker
    yield "\n"


_HEADINGS = {"prompt": "## Prompt\n\n", "answer": "", "thought": "> "}


def _passages(event: SessionEvent) -> Iterator[tuple[str, str]]:
    """Return who speaks in an event, and what; tool calls speak for themselves."""
    data = event.data
    match event.type:
        case "turn_started":
            for block in data["prompt"]:
                yield "prompt", str(block.get("text") or f"[{block.get('type')}]") + "\n"
        case "agent_message_chunk":
            yield f"answer {data.get('messageId')}", _text(data)
        case "agent_thought_chunk":
            yield "thought", _text(data).replace("\n", "\n> ")
        case "tool_call" if data.get("command"):
            yield event.type + str(event.seq), f"\n{_fenced('$ ' + data['command'], 'console')}"
        case "tool_call":
            yield event.type + str(event.seq), f"\n*{data.get('title', 'tool')}*\n"
        case "tool_call_update":
            yield from _results(event)
        case "warning":
            yield event.type + str(event.seq), f"\n*Warning: {data['message']}*\n"
        case "turn_ended" if data.get("error"):
            yield event.type, f"\n*Failed: {data['error']['message']}*\n"


def _results(event: SessionEvent) -> Iterator[tuple[str, str]]:
    data = event.data
    speaker = event.type + str(event.seq)
    if output := data.get("full_output"):
        yield speaker, f"\n{_fenced(output, '')}"
    if data.get("exit_code"):
        yield speaker, f"\nexit code {data['exit_code']}\n"
    for edit in data.get("edits", []):
        yield speaker, f"\n*{edit['path']}*\n\n{_fenced(_diff(edit), 'diff')}"


def _diff(edit: Mapping[str, Any]) -> str:
    import difflib

    old, new = ((edit[side] or "").splitlines() for side in ("old_text", "new_text"))
    return "\n".join(list(difflib.unified_diff(old, new, lineterm="", n=2))[2:])


def _fenced(text: str, language: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def _text(data: Mapping[str, Any]) -> str:
    content = data.get("content")
    return str(content.get("text", "")) if isinstance(content, Mapping) else ""


def plain(value: object) -> str:
    """Put into JSON what JSON has no word for: moments."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{value!r} has no place in JSON")
