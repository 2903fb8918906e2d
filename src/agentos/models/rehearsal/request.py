"""A request as it reached the model, and what can be read from it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from agentos.models.attribution import (
    Kind,
    attribute,
    content_text,
    input_items,
    turn_metadata,
    user_text,
)

Item = Mapping[str, Any]

_EXIT_CODE = re.compile(r"^(?:Process exited with code|Exit code:) (-?\d+)", re.MULTILINE)


class Outcome(StrEnum):
    """How the answer to a request ended.

    In full, with an HTTP error, broken off by the scenario, or because the connection went.
    """

    ANSWERED = "answered"
    REFUSED = "refused"
    BROKEN_OFF = "broken_off"
    DISCONNECTED = "disconnected"


@dataclass(eq=False)
class ModelRequest:
    """One request that reached the model.

    Attributes:
        method: Its HTTP method.
        path: Its path, without the query.
        headers: Its headers, names in lower case.
        body: Its JSON body, or None.
        outcome: How the answer ended, or None while it is still going on.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any] | None = None
    outcome: Outcome | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def end(self, outcome: Outcome) -> None:
        """Note how the answer ended."""
        self.outcome = outcome
        self._ended.set()

    async def ended(self) -> Outcome:
        """Wait until the answer has ended, and tell how."""
        await self._ended.wait()
        assert self.outcome is not None
        return self.outcome

    @cached_property
    def kind(self) -> Kind:
        """What the request is for, told from its headers and its output schema."""
        if self.body is None:
            return Kind.OTHER
        return attribute(self.headers, self.body).kind

    @cached_property
    def thread_id(self) -> str:
        """The agent's thread, or an empty text when the client names none."""
        named = self.headers.get("thread-id") or self.headers.get("session-id")
        return named or str((self.body or {}).get("prompt_cache_key") or "")

    @cached_property
    def turn_id(self) -> str:
        """The turn of the thread, or an empty text when the client names none."""
        return str(self._metadata.get("turn_id") or "")

    @cached_property
    def model(self) -> str:
        """The model that was asked for."""
        return str((self.body or {}).get("model") or "")

    @cached_property
    def instructions(self) -> str:
        """Everything the agent was instructed: `instructions` and the developer messages."""
        own = (self.body or {}).get("instructions")
        return "\n".join([*([own] if isinstance(own, str) else []), *self.developer_messages])

    @cached_property
    def developer_messages(self) -> list[str]:
        """The developer and system messages."""
        return self._messages("developer") + self._messages("system")

    @cached_property
    def user_messages(self) -> list[str]:
        """The user messages, with those that Codex adds (environment, AGENTS.md, skills)."""
        return self._messages("user")

    @cached_property
    def last_user_text(self) -> str:
        """The latest message of the user's own."""
        return user_text(self.user_messages)

    @cached_property
    def tool_outputs(self) -> list[str]:
        """What each tool call of the thread answered, oldest first."""
        return [content_text(item.get("output")) for item in self.input if _is_output(item)]

    @cached_property
    def latest_outputs(self) -> list[str]:
        """What the tool calls of the model's last answer answered."""
        tail: list[str] = []
        for item in reversed(self.input):
            if _is_output(item):
                tail.append(content_text(item.get("output")))
            elif tail and item.get("role") not in ("user", "developer"):
                break
        return tail[::-1]

    @cached_property
    def exit_code(self) -> int | None:
        """The exit code of the latest command, or None when none has ended."""
        for output in reversed(self.latest_outputs):
            if found := _EXIT_CODE.search(output):
                return int(found[1])
        return None

    @cached_property
    def input_text(self) -> str:
        """Every text of the request in one: instructions, messages, tool calls and outputs."""
        body = self.body or {}
        return "\n".join(_strings([body.get("instructions"), self.input]))

    @cached_property
    def input(self) -> list[Item]:
        """The items of the conversation as they were sent."""
        return input_items(self.body or {})

    @cached_property
    def offered_tools(self) -> frozenset[str]:
        """The tools that the model may call; tools of a namespace as `namespace.tool`."""
        lists = [(self.body or {}).get("tools"), *(item.get("tools") for item in self.input)]
        return frozenset(name for tools in lists for name in _tool_names(tools, ""))

    @cached_property
    def _metadata(self) -> Mapping[str, Any]:
        return turn_metadata(self.headers)

    def _messages(self, role: str) -> list[str]:
        return [
            content_text(item.get("content")) for item in self.input if item.get("role") == role
        ]


def _is_output(item: Item) -> bool:
    kind = str(item.get("type"))
    return kind.endswith("_call_output") or kind == "tool_search_output"


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def _tool_names(tools: object, namespace: str) -> Iterator[str]:
    for tool in tools if isinstance(tools, list) else []:
        if not isinstance(tool, dict):
            continue
        name = str(tool.get("name") or tool.get("type"))
        if tool.get("type") == "namespace":
            # Code mode keeps the model's own tools in a namespace that is not part of their names.
            inner = "" if name == "functions" else f"{name}."
            yield from _tool_names(tool.get("tools"), inner)
        else:
            yield namespace + name
