"""What a caller asks of a session, kept so that its agent can be started again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentos.agents.definition import AgentRequest
from agentos.errors import ConfigInvalid
from agentos.sessions.model_choice import ModelChoice
from agentos.sessions.permissions import Permission, check_policy

if TYPE_CHECKING:
    from agentos.sessions.companion import Companion
    from agentos.sessions.tools.tool import Tool


@dataclass(frozen=True)
class SessionRequest:
    """What a caller asks of a session; see `create_session`.

    Attributes:
        agent: What it asks of the agent.
        model: How it finds its model.
        permission: Who answers the agent's questions.
        permission_timeout: Seconds after which an unanswered question is rejected.
        idle_timeout: Seconds after which an agent without work ends until it is needed.
        mode: The agent's mode to begin with.
        tools: Functions of the host that the agent may call.
        hub: What it reaches of the host besides.
        id: What its transcript is kept under; None makes one.
        notes: Plain JSON that is kept with the transcript.

    Raises:
        AgentOsError: The policy or a time is none.
    """

    agent: AgentRequest
    model: ModelChoice
    permission: Permission = "allow"
    permission_timeout: float | None = None
    idle_timeout: float | None = None
    mode: str | None = None
    tools: Sequence[Tool | Callable[..., Any]] = ()
    hub: Companion | None = None
    id: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_policy(self.permission)
        for name in ("permission_timeout", "idle_timeout"):
            seconds = getattr(self, name)
            if seconds is not None and not seconds > 0:
                raise ConfigInvalid(
                    f"{name}={seconds!r} is not possible", hint="give seconds, or None for never"
                )
