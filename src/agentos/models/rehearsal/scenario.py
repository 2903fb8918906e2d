"""What a scenario is: the steps that the rehearsal model plays, one a request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentos.errors import ConfigInvalid

DEFAULT_MODEL = "gpt-5.5"


@dataclass(frozen=True)
class When:
    """The situation a step expects; every condition that is given must hold.

    Args:
        user: A regular expression found in the latest user message.
        output: A regular expression found in what the latest tool calls answered.
        exit_code: The exit code of the latest command.
        request: A regular expression found anywhere in the texts of the request.
    """

    user: str | None = None
    output: str | None = None
    exit_code: int | None = None
    request: str | None = None

    def __post_init__(self) -> None:
        for name in ("user", "output", "request"):
            pattern = getattr(self, name)
            try:
                re.compile(pattern or "")
            except re.error as error:
                raise ConfigInvalid(
                    f"`{name}: {pattern}` is not a regular expression: {error}",
                    hint="escape characters such as ( and [ with a backslash",
                ) from error


@dataclass(frozen=True)
class McpCall:
    """A call of a tool that an MCP server offers.

    Args:
        server: The server's name, as in the agent's configuration.
        tool: The tool's name, as the server gives it.
        arguments: What the tool is called with.
    """

    server: str
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Usage:
    """The tokens that a response reports; `cached` is part of `input`, `reasoning` of `output`."""

    input: int
    output: int
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Step:
    """One answer of the model: texts, then tool calls; or a fault.

    `status`, `break_off` and `hang` are faults. A fault answers every request of the turn
    that meets it, so that a client's retries meet it too; with `times`, only that many
    requests, and the next one gets the next step.

    Args:
        when: The situation in which this step is right; without it, any.
        think: A summary of reasoning, streamed before the text.
        say: Text, streamed in several pieces.
        run: A shell command.
        patch: A patch in Codex's `*** Begin Patch` form.
        call: A call of an MCP tool.
        wait: Pause before the tool calls and the end of the response, in seconds.
        usage: The tokens to report; without it, an estimate.
        status: Answer with this HTTP status, 400 to 599, and an error.
        retry_after: The Retry-After header that goes with `status`, in seconds.
        break_off: Close the connection in mid-stream, after some pieces of the text.
        hang: Keep the stream open without an end until the client goes away.
        times: How many requests a fault answers.
    """

    when: When | None = None
    think: str | None = None
    say: str | None = None
    run: str | None = None
    patch: str | None = None
    call: McpCall | None = None
    wait: float | None = None
    usage: Usage | None = None
    status: int | None = None
    retry_after: float | None = None
    break_off: bool = False
    hang: bool = False
    times: int | None = None

    @property
    def is_fault(self) -> bool:
        """Whether the response is refused or never completed."""
        return self.status is not None or self.break_off or self.hang

    def __post_init__(self) -> None:
        speaks = self.say is not None or self.think is not None
        acts = self.run is not None or self.patch is not None or self.call is not None
        _check(self.is_fault or speaks or acts, "a step does nothing", "give it say: or run:")
        _check(
            [self.status is not None, self.break_off, self.hang].count(True) <= 1,
            "a step has two faults",
            "make them two steps",
        )
        _check(
            not (self.is_fault and acts),
            "a fault cannot carry a tool call",
            "put run:, patch: and call: into a step of their own",
        )
        if self.status is not None:
            _check(
                400 <= self.status <= 599, f"status: {self.status} is no error", "use 400 to 599"
            )
            _check(not speaks, "a step with status: says nothing", "leave out say: and think:")
        else:
            _check(self.retry_after is None, "retry_after: belongs to status:", "add status: 429")
        if self.times is not None:
            _check(self.is_fault, "times: belongs to a fault", "leave it out")
            _check(self.times >= 1, f"times: {self.times} is less than 1", "leave the step out")
        for name in ("wait", "retry_after"):
            _check((getattr(self, name) or 0) >= 0, f"{name}: is negative", "give seconds")


@dataclass(frozen=True)
class Scenario:
    """What the rehearsal model plays; each thread of the agent plays it from the start.

    Args:
        steps: One for each request of a turn, in order.
        name: What it is called.
        description: What it shows, in a sentence.
        model: The model it is written for; any other works too.
        project: A directory of files that the agent is to work on, or None.
        prompt: What to ask the agent for, or None.
        title: What to answer when a client asks for a title; by default from the description.
    """

    steps: Sequence[Step]
    name: str = "scenario"
    description: str = ""
    model: str = DEFAULT_MODEL
    project: Path | None = None
    prompt: str | None = None
    title: str | None = None

    def __post_init__(self) -> None:
        _check(bool(self.steps), "the scenario has no steps", "add at least one under steps:")


def _check(holds: bool, complaint: str, hint: str) -> None:
    if not holds:
        raise ConfigInvalid(complaint, hint=hint)
