"""What a session is given beside its machine, by parts that sessions know nothing of."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from agentos.agents.definition import AgentRequest
from agentos.agents.machine import AgentMachine


@runtime_checkable
class Companion(Protocol):
    """Something of the host that an agent in a machine reaches for as long as its session lasts."""

    def beside(
        self, machine: AgentMachine, request: AgentRequest
    ) -> AbstractAsyncContextManager[AgentRequest]:
        """Be there; what is returned is the request with the way to it.

        Raises:
            AgentOsError: It cannot be offered.
        """
