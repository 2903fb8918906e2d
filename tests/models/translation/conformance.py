"""What a stream of the Responses API has to keep to, and a short way to write one down."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from agentos.models.translation.answer import Answer
from agentos.models.translation.reasoning import unsealed
from agentos.models.translation.request import to_chat

Event = dict[str, Any]

REQUEST: Event = {
    "model": "asked",
    "input": "go",
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "tools": [
        {
            "type": "function",
            "name": "exec_command",
            "strict": False,
            "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}},
        },
        {"type": "custom", "name": "apply_patch", "format": {"type": "text"}},
        {
            "type": "namespace",
            "name": "mcp__notes",
            "description": "Notes.",
            "tools": [
                {"type": "function", "name": "search", "strict": False, "parameters": {}},
            ],
        },
    ],
}
_SCHEMA: TypeAdapter[object] = TypeAdapter(ResponseStreamEvent)
_ENDS = ("response.completed", "response.incomplete", "response.failed")


def counted() -> Callable[[str], str]:
    """Make ids that are the same each time."""
    made: Counter[str] = Counter()

    def make(prefix: str) -> str:
        prefix = prefix or "call"
        made[prefix] += 1
        return f"{prefix}-{made[prefix]}"

    return make


def an_answer(request: Event = REQUEST) -> Answer:
    """An answer whose ids and times are the same each time."""
    return Answer(to_chat(request).expected, ids=counted(), clock=lambda: 1.0)


def parse(stream: bytes) -> list[Event]:
    """Read a stream of the Responses API."""
    events = []
    for block in stream.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        events.append(event)
    return events


def check(events: Sequence[Event]) -> None:
    """Hold a stream against OpenAI's own types, and against the order that clients rely on."""
    for event in events:
        _SCHEMA.validate_python(event)
    types = [event["type"] for event in events]
    assert types[:2] == ["response.created", "response.in_progress"]
    assert types[-1] in _ENDS
    assert not set(types[:-1]) & set(_ENDS)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    done = _items(events[2:-1])
    final = events[-1]["response"]
    assert final["status"] == types[-1].removeprefix("response.")
    assert final["output"] == [done[index] for index in sorted(done)]
    if final["status"] == "completed":
        assert sorted(done) == list(range(len(done)))
    assert {event["response"]["id"] for event in events if "response" in event} == {final["id"]}


def _items(events: Sequence[Event]) -> dict[int, Event]:
    items: dict[int, Event] = {}
    done: dict[int, Event] = {}
    texts: dict[int, str] = {}
    parts: dict[int, list[Event]] = {}
    for event in events:
        kind, index = event["type"].removeprefix("response."), event["output_index"]
        if kind == "output_item.added":
            assert index == len(items)
            items[index], parts[index] = event["item"], []
            continue
        assert index not in done, "an item that is done goes on"
        if kind == "output_item.done":
            item = done[index] = event["item"]
            assert (item["type"], item["id"]) == (items[index]["type"], items[index]["id"])
            if item["type"] == "message":
                assert item["content"] == parts[index]
            continue
        assert event["item_id"] == items[index]["id"]
        if kind.endswith("part.added"):
            texts[index] = ""
        elif kind.endswith(".delta"):
            texts[index] = texts.get(index, "") + event["delta"]
        elif kind.endswith("part.done"):
            part = event["part"]
            assert part.get("text", part.get("refusal")) == texts[index]
            parts[index].append(part)
        else:
            fields = ("text", "refusal", "arguments", "input")
            (whole,) = [event[name] for name in fields if name in event]
            assert whole == (texts.get(index) or whole)
    return done


def short(events: Sequence[Event]) -> list[str]:
    """Write events down as the expectations in tests/data/chat_streams do."""
    return [line for event in events if (line := _short(event))]


def _short(event: Event) -> str:
    kind = event["type"].removeprefix("response.")
    index = event.get("output_index")
    if kind == "output_item.added":
        item = event["item"]
        said = [f"added {index} {item['type']}"]
        if "name" in item:
            space = f"{item['namespace']}." if "namespace" in item else ""
            said += [space + item["name"], item["call_id"]]
        return " ".join(said)
    if kind == "output_item.done":
        return f"done {index} {_item(event['item'])}"
    if kind.endswith(".delta"):
        return f"delta {index} {_json(event['delta'])}"
    if event["type"] in _ENDS:
        return f"{kind} {_end(event['response'])}"
    return ""


def _item(item: Event) -> str:
    said = [item["type"]]
    if item["type"] == "message":
        for part in item["content"]:
            refuses = part["type"] == "refusal"
            said += ["refusal", _json(part["refusal"])] if refuses else [_json(part["text"])]
    elif item["type"] == "reasoning":
        kept = unsealed(item, "asked")
        text = "".join(part["text"] for part in item["summary"])
        fields: Event | None = None
        if kept is not None:
            details = {"reasoning_details": list(kept.details)} if kept.details else {}
            fields = details | ({kept.field: kept.text} if kept.field else {})
        said += [_json(text), "kept", json.dumps(fields, separators=(",", ":"))]
    else:
        said.append(_json(item.get("arguments", item.get("input"))))
    return " ".join(said)


def _end(response: Event) -> str:
    if response["status"] == "failed":
        error = response["error"]
        return f"{response['model']} {error['code']} {_json(error['message'])}"
    said = [response["model"]]
    if response["status"] == "incomplete":
        said.append(response["incomplete_details"]["reason"])
    usage = response["usage"]
    if usage is None:
        return " ".join([*said, "usage unknown"])
    counts = (
        usage["input_tokens"],
        usage["input_tokens_details"]["cached_tokens"],
        usage["output_tokens"],
        usage["output_tokens_details"]["reasoning_tokens"],
    )
    said += ["usage", *map(str, counts)]
    return " ".join([*said, *(["cost", str(usage["cost"])] if "cost" in usage else [])])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
