"""Tools of the Responses API as functions of Chat Completions, and their calls turned back."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Json = dict[str, Any]

_LONGEST_NAME = 64
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
# Codex puts its own tools into a namespace that is not part of their names.
_NO_NAMESPACE = "functions"
_FREEFORM = "Here it is called as a function: `input` is the whole text as it is, not JSON."
_NO_PARAMETERS: Json = {"type": "object", "properties": {}}
_SHELL_PARAMETERS: Json = {
    "type": "object",
    "properties": {
        "command": {"type": "array", "items": {"type": "string"}},
        "working_directory": {"type": "string"},
        "timeout_ms": {"type": "number"},
    },
    "required": ["command"],
}


class ToolKind(StrEnum):
    """What a tool is for the agent; for the provider all are functions."""

    FUNCTION = "function"
    CUSTOM = "custom"
    SEARCH = "tool_search"
    SHELL = "local_shell"


@dataclass(frozen=True)
class Tool:
    """A tool as the agent names it."""

    kind: ToolKind
    name: str
    namespace: str | None = None


class Toolbox:
    """The tools of a request, and what they are called on the other side.

    Attributes:
        functions: What the provider is offered.
        dropped: The types of tools that only OpenAI's servers have.
    """

    def __init__(self) -> None:
        self.functions: list[Json] = []
        self.dropped: list[str] = []
        self._names: dict[Tool, str] = {}
        self._tools: dict[str, Tool] = {}

    def offer(self, tools: object, namespace: str | None = None) -> None:
        """Offer tools, given as the Responses API has them; those that are known stay."""
        for tool in tools if isinstance(tools, list) else []:
            if not isinstance(tool, dict):
                continue
            kind, name = tool.get("type"), str(tool.get("name") or tool.get("type"))
            if kind == "namespace":
                self.offer(tool.get("tools"), None if name == _NO_NAMESPACE else name)
            elif kind in tuple(ToolKind) and tool.get("execution", "client") == "client":
                self._offer(Tool(ToolKind(kind), name, namespace), tool)
            else:
                self.dropped.append(str(kind))

    def limit(self, names: set[str]) -> None:
        """Offer only the functions with these names."""
        self.functions = [f for f in self.functions if f["function"]["name"] in names]

    def name_of(self, tool: Tool) -> str:
        """Return a tool's name for the provider, the same whenever the same tools are there."""
        known = self._names.get(tool)
        if known is not None:
            return known
        whole = f"{tool.namespace}__{tool.name}" if tool.namespace else tool.name
        name = _NOT_IN_NAMES.sub("_", whole)
        if len(name) > _LONGEST_NAME or name in self._tools:
            mark = hashlib.sha256(repr(tool).encode()).hexdigest()[:8]
            name = f"{name[: _LONGEST_NAME - 9]}_{mark}"
        self._names[tool] = name
        self._tools[name] = tool
        return name

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that have a name."""
        return tuple(self._names)

    def tool_named(self, name: str) -> Tool:
        """Return the tool that a provider means; one that nobody offered is a function."""
        return self._tools.get(name) or Tool(ToolKind.FUNCTION, name)

    def _offer(self, tool: Tool, said: Mapping[str, Any]) -> None:
        if tool in self._names:
            return
        description = str(said.get("description") or "")
        function: Json = {"name": self.name_of(tool), "description": description}
        match tool.kind:
            case ToolKind.CUSTOM:
                function["description"] = f"{description}\n\n{_FREEFORM}".strip()
                function["parameters"] = _freeform(said.get("format"))
            case ToolKind.SHELL:
                function["description"] = description or "Run a command and return its output."
                function["parameters"] = _SHELL_PARAMETERS
            case _:
                function["parameters"] = said.get("parameters") or _NO_PARAMETERS
        if said.get("strict") is True:
            function["strict"] = True
        self.functions.append({"type": "function", "function": function})


def arguments_of(item: Mapping[str, Any]) -> str:
    """Return the arguments of an earlier call as the provider has them."""
    match item.get("type"):
        case "custom_tool_call":
            return json.dumps({"input": item.get("input") or ""}, ensure_ascii=False)
        case "local_shell_call":
            action = item.get("action")
            said = action if isinstance(action, dict) else {}
            given = {name: said[name] for name in _SHELL_PARAMETERS["properties"] if said.get(name)}
            return json.dumps(given, ensure_ascii=False)
        case _:
            arguments = item.get("arguments")
            if isinstance(arguments, str):
                return arguments or "{}"
            return json.dumps(arguments or {}, ensure_ascii=False)


def tool_of(item: Mapping[str, Any]) -> Tool:
    """Return the tool of an earlier call."""
    match item.get("type"):
        case "custom_tool_call":
            kind = ToolKind.CUSTOM
        case "local_shell_call":
            return Tool(ToolKind.SHELL, "local_shell")
        case "tool_search_call":
            return Tool(ToolKind.SEARCH, "tool_search")
        case _:
            kind = ToolKind.FUNCTION
    namespace = item.get("namespace")
    if not isinstance(namespace, str) or namespace == _NO_NAMESPACE:
        namespace = None
    return Tool(kind, str(item.get("name") or ""), namespace)


def _freeform(form: object) -> Json:
    text: Json = {"type": "string"}
    if isinstance(form, dict) and form.get("type") == "grammar":
        text["description"] = (
            f"Text in this {form.get('syntax')} grammar:\n{form.get('definition')}"
        )
    return {"type": "object", "properties": {"input": text}, "required": ["input"]}
