"""Which step of the scenario answers a request."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentos.models.rehearsal.request import ModelRequest
from agentos.models.rehearsal.scenario import McpCall, Scenario, Step, When
from agentos.models.rehearsal.tools import is_offered, needs_search

_EXCERPT = 300


@dataclass(frozen=True)
class Mismatch:
    """A request that the scenario does not expect.

    Attributes:
        step: The number of the step that was due, from 1; one past the last when all were played.
        expected: What the step expects.
        came: What came instead.
    """

    step: int
    expected: str
    came: str

    @property
    def message(self) -> str:
        """The mismatch in a sentence."""
        return f"step {self.step} expected {self.expected}, but {self.came}"


@dataclass(frozen=True)
class Search:
    """The tool has to be searched for first; its step is still due."""

    call: McpCall


class ThreadPlay:
    """How far one thread of the agent has played the scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._steps = scenario.steps
        self._position = 0
        self._searched = False
        self._faults = 0
        self._fault_turn: str | None = None

    def answer(self, request: ModelRequest) -> Step | Search | Mismatch:
        """Choose the answer to the thread's next request and move on.

        A mismatch does not move on: the step stays due.
        """
        self._leave_spent_fault(request)
        if self._position == len(self._steps):
            last = f"no more requests: the scenario ended with step {self._position}"
            return Mismatch(self._position + 1, last, f"one came with {_situation(request)}")
        step = self._steps[self._position]
        if step.when and not self._searched and (unmet := _unmet(step.when, request)):
            return Mismatch(self._position + 1, *unmet)
        if step.is_fault:
            self._faults += 1
            self._fault_turn = request.turn_id
            return step
        if step.call is not None and not is_offered(step.call, request):
            return self._search(step.call, request)
        self._move_on()
        return step

    def _search(self, call: McpCall, request: ModelRequest) -> Search | Mismatch:
        if needs_search(call, request) and not self._searched:
            self._searched = True
            return Search(call)
        self._searched = False
        expected = f"the tool `{call.tool}` of the MCP server `{call.server}`"
        return Mismatch(self._position + 1, expected, "the agent does not offer it")

    def _leave_spent_fault(self, request: ModelRequest) -> None:
        if self._fault_turn is None:
            return
        times = self._steps[self._position].times
        spent = self._fault_turn != request.turn_id if times is None else self._faults >= times
        if spent:
            self._move_on()

    def _move_on(self) -> None:
        self._position += 1
        self._searched = False
        self._faults = 0
        self._fault_turn = None


def _unmet(when: When, request: ModelRequest) -> tuple[str, str] | None:
    output = "\n".join(request.latest_outputs)
    if when.user is not None and not re.search(when.user, request.last_user_text):
        return (
            f"a user message matching `{when.user}`",
            f"the latest was `{_excerpt(request.last_user_text)}`",
        )
    if when.exit_code is not None and request.exit_code != when.exit_code:
        ended = "none has ended" if request.exit_code is None else f"it was {request.exit_code}"
        return (
            f"the latest command to exit with {when.exit_code}",
            f"{ended}; the latest output was `{_excerpt(output)}`",
        )
    if when.output is not None and not re.search(when.output, output):
        return (
            f"tool output matching `{when.output}`",
            f"the latest was `{_excerpt(output)}`",
        )
    if when.request is not None and not re.search(when.request, request.input_text):
        return f"`{when.request}` somewhere in the request", "it is nowhere in it"
    return None


def _situation(request: ModelRequest) -> str:
    if request.input and request.input[-1].get("role") == "user":
        return f"the user message `{_excerpt(request.last_user_text)}`"
    return f"the tool output `{_excerpt(' '.join(request.latest_outputs))}`"


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _EXCERPT else f"{line[:_EXCERPT]}..."
