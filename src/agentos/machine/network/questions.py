"""Asking a program or a person about a host that no rule covers."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from agentos.errors import NetworkDenied
from agentos.machine.network.reach import Reach
from agentos.machine.network.tasks import Tasks

#: How long an answer may take; none is a denial.
ANSWER_SECONDS = 120.0
_MOST_QUESTIONS = 64


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """A host that the machine wants to reach and that no rule of its policy covers.

    Attributes:
        host: A name, or a literal address.
        port: A TCP port.
    """

    host: str
    port: int


Answer = Literal["allow", "deny"]
OnRequest = Callable[[NetworkRequest], Answer | Awaitable[Answer]]


class Questions:
    """Ask once about each host and port, and remember the answer.

    Args:
        reach: Remembers the answers.
        on_request: Answers, at once or later.
        answered: Called after each answer.
    """

    def __init__(
        self, reach: Reach, on_request: OnRequest, answered: Callable[[], Awaitable[None]]
    ) -> None:
        self._reach = reach
        self._on_request = on_request
        self._answered = answered
        self._tasks = Tasks()
        self._open: dict[tuple[str, int], asyncio.Task[None]] = {}

    async def settle(self, host: str, port: int) -> None:
        """Wait until somebody has decided about a host and port.

        Raises:
            NetworkDenied: Too many others wait already.
        """
        place = host, port
        question = self._open.get(place)
        if question is None:
            if len(self._open) >= _MOST_QUESTIONS:
                raise NetworkDenied(f"{_MOST_QUESTIONS} requests wait for an answer already")
            question = self._tasks.start(self._ask(NetworkRequest(host, port)))
            self._open[place] = question
            question.add_done_callback(lambda _: self._open.pop(place))
        await asyncio.wait([question])

    async def close(self) -> None:
        """Take all questions back."""
        await self._tasks.cancel()

    async def _ask(self, request: NetworkRequest) -> None:
        answer: Answer = "deny"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                said = self._on_request(request)
                answer = await said if inspect.isawaitable(said) else said
        except TimeoutError:
            answer = "deny"
        finally:
            # Also where the callback failed, which Tasks tells: no answer is a denial.
            action: Answer = "allow" if answer == "allow" else "deny"
            self._reach.answer(request.host, request.port, action)
        await self._answered()
