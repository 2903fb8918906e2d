"""Permissions: what an agent asks before it acts, and who answers."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agentos.errors import AgentOsError
from agentos.sessions.event_log import EventLog
from agentos.sessions.permission_rules import PermissionRules


@dataclass(frozen=True, slots=True)
class PermissionOption:
    """One possible answer; `kind` is allow_once, allow_always, reject_once or reject_always."""

    id: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class PermissionRequest:
    """What an agent asks: the tool call it wants to make, and the possible answers."""

    id: str
    tool_call: Mapping[str, Any]
    options: Sequence[PermissionOption]

    def option(self, answer: str) -> str:
        """Return the id of the option that an answer names by its id or kind.

        Raises:
            AgentOsError: With the code `permission_option_unknown`.
        """
        for option in self.options:
            if answer in (option.id, option.kind):
                return option.id
        known = ", ".join(f"{option.id} ({option.kind})" for option in self.options)
        raise AgentOsError(
            f"permission request {self.id} has no option {answer!r}",
            code="permission_option_unknown",
            hint=f"its options: {known}",
        )

    def first(self, *kinds: str) -> str | None:
        """Return the id of the first option of the first kind that there is."""
        for kind in kinds:
            for option in self.options:
                if option.kind == kind:
                    return option.id
        return None


Answer = str | None
#: A fixed policy, rules, or a function: given the request, it returns an option's id or kind,
#: None to refuse without an answer; it may be a coroutine function.
Permission = (
    Literal["allow", "ask", "reject"]
    | PermissionRules
    | Callable[[PermissionRequest], Answer | Awaitable[Answer]]
)


def check_policy(policy: Permission) -> None:
    """Refuse what is no permission policy.

    Raises:
        AgentOsError: With the code `permission_policy_unknown`.
    """
    if isinstance(policy, PermissionRules) or callable(policy):
        return
    if policy not in ("allow", "ask", "reject"):
        raise AgentOsError(
            f"the permission policy {policy!r} is unknown",
            code="permission_policy_unknown",
            hint='use "allow", "ask", "reject", PermissionRules or a function',
        )


class PermissionDesk:
    """Answer an agent's permission requests by a policy, or let the caller answer.

    Args:
        policy: Who answers.
        log: Where each request and each answer is noted.
        timeout: Seconds after which a request without an answer is rejected; None for never.
    """

    def __init__(self, policy: Permission, log: EventLog, timeout: float | None = None) -> None:
        self._policy = policy
        self._timeout = timeout
        self._log = log
        self._asked = 0
        self._settled: set[str] = set()
        self._pending: dict[str, tuple[PermissionRequest, asyncio.Future[Answer]]] = {}

    async def answer(
        self, tool_call: Mapping[str, Any], options: Sequence[PermissionOption]
    ) -> Answer:
        """Return the id of the chosen option, or None when the request is called off."""
        self._asked += 1
        request = PermissionRequest(f"permission-{self._asked}", tool_call, tuple(options))
        self._log.append(
            "permission_requested",
            {
                "request_id": request.id,
                "tool_call": dict(tool_call),
                "options": [{"id": o.id, "name": o.name, "kind": o.kind} for o in options],
            },
        )
        resolved: dict[str, Any] = {"request_id": request.id, "option": None}
        try:
            async with asyncio.timeout(self._timeout) as patience:
                resolved["option"] = await self._choose(request)
        except TimeoutError:
            if not patience.expired():
                raise  # of the caller's own function
            resolved |= {"option": _rejection(request), "reason": "timeout"}
        finally:
            self._log.append("permission_resolved", resolved)
        chosen: Answer = resolved["option"]
        return chosen

    async def _choose(self, request: PermissionRequest) -> Answer:
        policy = self._policy
        if isinstance(policy, PermissionRules):
            policy = policy.decide(request.tool_call)
        if policy == "allow":
            return request.first("allow_once", "allow_always")
        if policy == "reject":
            return _rejection(request)
        if callable(policy):
            answer = policy(request)
            if inspect.isawaitable(answer):
                answer = await answer
            return None if answer is None else request.option(answer)
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending[request.id] = request, waiting
        try:
            return await waiting
        finally:
            del self._pending[request.id]
            self._settled.add(request.id)

    def respond(self, request_id: str, answer: Answer) -> None:
        """Answer a pending request with an option's id or kind, or None to call it off.

        Raises:
            AgentOsError: There is no such request, it is answered or called off already, or it
                has no such option.
        """
        if request_id in self._settled or (
            request_id in self._pending and self._pending[request_id][1].done()
        ):
            raise AgentOsError(
                f"permission request {request_id!r} is answered or called off already",
                code="permission_already_resolved",
                hint="its permission_resolved event says how",
            )
        if request_id not in self._pending:
            pending = ", ".join(self._pending) or "none"
            raise AgentOsError(
                f"no permission request {request_id!r} is waiting",
                code="permission_request_unknown",
                hint=f"waiting: {pending}",
            )
        request, waiting = self._pending[request_id]
        waiting.set_result(None if answer is None else request.option(answer))

    def call_off(self) -> None:
        """End every pending request without an answer, as a cancelled turn must."""
        for _, waiting in self._pending.values():
            if not waiting.done():
                waiting.set_result(None)


def _rejection(request: PermissionRequest) -> Answer:
    return request.first("reject_once", "reject_always")
