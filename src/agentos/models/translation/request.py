"""A Responses request as a Chat Completions request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos.models.attribution import input_items
from agentos.models.translation.messages import Conversation
from agentos.models.translation.tools import Json, Tool, Toolbox, ToolKind

#: What asks for something that a provider without a memory cannot do.
_STATEFUL = ("previous_response_id", "conversation", "background", "prompt")
_SAME = ("temperature", "top_p", "user")
_ECHOED = (
    *("tools", "tool_choice", "parallel_tool_calls", "max_output_tokens", "metadata"),
    *("reasoning", "temperature", "text", "top_p"),
)
_CHOICES = ("auto", "none", "required")


class Untranslatable(Exception):
    """A request that cannot be said in Chat Completions; `param` is the part of it."""

    def __init__(self, param: str, reason: str) -> None:
        super().__init__(reason)
        self.param = param
        self.reason = reason


@dataclass(frozen=True)
class Expected:
    """What turning the answer back needs of a request, which itself may be long.

    Args:
        model: The model that is asked.
        tools: Knows what a function that the model calls is for the agent.
        call_ids: Of the conversation so far.
        seals_reasoning: Whether the agent keeps reasoning for us between two calls.
        echoed: What the response repeats of the request.
    """

    model: str
    tools: Toolbox
    call_ids: frozenset[str]
    seals_reasoning: bool
    echoed: Json


@dataclass(frozen=True)
class Translated:
    """A request in the words of Chat Completions.

    Args:
        chat: The Chat request.
        expected: What its answer is to become.
        dropped: What could not be said, as types.
    """

    chat: Json
    expected: Expected
    dropped: tuple[str, ...]


def to_chat(request: Mapping[str, Any]) -> Translated:
    """Translate a request.

    Raises:
        Untranslatable: It needs what Chat Completions does not have.
    """
    _check(request)
    items = input_items(request)
    tools = Toolbox()
    tools.offer(request.get("tools"))
    for item in items:
        if item.get("type") in ("additional_tools", "tool_search_output"):
            tools.offer(item.get("tools"))
    expected = _expected(request, items, tools)
    conversation = Conversation(tools, expected.model)
    conversation.write(request.get("instructions"), items)
    chat: Json = {"model": request.get("model"), "messages": conversation.messages}
    chat |= _tool_fields(request, tools)
    chat |= {name: request[name] for name in _SAME if request.get(name) is not None}
    chat |= _limits(request) | _format(request)
    if request.get("stream") is True:
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    dropped = dict.fromkeys((*tools.dropped, *conversation.dropped))
    return Translated(chat, expected, tuple(dropped))


def _expected(
    request: Mapping[str, Any], items: list[Mapping[str, Any]], tools: Toolbox
) -> Expected:
    included = request.get("include")
    echoed: Json = {"tool_choice": "auto", "parallel_tool_calls": True, "tools": []}
    echoed |= {name: request[name] for name in _ECHOED if request.get(name) is not None}
    return Expected(
        str(request.get("model") or ""),
        tools,
        frozenset(str(item["call_id"]) for item in items if item.get("call_id")),
        isinstance(included, list) and "reasoning.encrypted_content" in included,
        echoed,
    )


def _check(request: Mapping[str, Any]) -> None:
    for name in _STATEFUL:
        if request.get(name):
            raise Untranslatable(
                name,
                f"{name} is not there with this provider, which stores no responses: "
                "send the whole conversation as input",
            )
    if any(item.get("type") == "item_reference" for item in input_items(request)):
        raise Untranslatable("input", "the input refers to an item that is not stored: send it")


def _tool_fields(request: Mapping[str, Any], tools: Toolbox) -> Json:
    choice = _choice(request.get("tool_choice"), tools)
    if not tools.functions:
        return {}
    fields: Json = {"tools": tools.functions}
    if choice is not None:
        fields["tool_choice"] = choice
    if isinstance(request.get("parallel_tool_calls"), bool):
        fields["parallel_tool_calls"] = request["parallel_tool_calls"]
    return fields


def _choice(choice: object, tools: Toolbox) -> str | Json | None:
    if isinstance(choice, str):
        return choice if choice in _CHOICES else None
    if not isinstance(choice, dict):
        return None
    if choice.get("type") == "allowed_tools":
        allowed = choice.get("tools")
        named = (_named(t, tools) for t in allowed) if isinstance(allowed, list) else ()
        tools.limit({name for name in named if name})
        mode = choice.get("mode")
        return mode if mode in _CHOICES else "auto"
    name = _named(choice, tools)
    return {"type": "function", "function": {"name": name}} if name else None


def _named(choice: object, tools: Toolbox) -> str | None:
    said = choice if isinstance(choice, dict) else {}
    kind, namespace = said.get("type"), said.get("namespace")
    if kind not in tuple(ToolKind):
        return None
    space = namespace if isinstance(namespace, str) else None
    return tools.name_of(Tool(ToolKind(kind), str(said.get("name") or kind), space))


def _limits(request: Mapping[str, Any]) -> Json:
    fields: Json = {}
    if isinstance(request.get("max_output_tokens"), int):
        # The newer max_completion_tokens is OpenAI's alone.
        fields["max_tokens"] = request["max_output_tokens"]
    reasoning = request.get("reasoning")
    if isinstance(reasoning, dict) and isinstance(reasoning.get("effort"), str):
        fields["reasoning_effort"] = reasoning["effort"]
    return fields


def _format(request: Mapping[str, Any]) -> Json:
    text = request.get("text")
    form = text.get("format") if isinstance(text, dict) else None
    if not isinstance(form, dict):
        return {}
    if form.get("type") == "json_object":
        return {"response_format": {"type": "json_object"}}
    if form.get("type") == "json_schema":
        names = ("name", "description", "schema", "strict")
        schema = {name: form[name] for name in names if form.get(name) is not None}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    return {}
