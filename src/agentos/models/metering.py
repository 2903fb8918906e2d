"""A model call as it is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agentos.models.attribution import Kind
from agentos.usage.prices import Tokens


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model that went through the gateway.

    Attributes:
        at: When it arrived.
        key_id: The session key that it came with.
        machine: The machine that it came from.
        session: The id of the session; until that is known, the agent's own word for it.
        thread: The agent's thread.
        turn: The turn in it.
        profile: The profile that the session is booked under.
        kind: What it was for.
        client: The program that called.
        path: Such as `responses`.
        provider: Who was asked last.
        model_asked: The model in the agent's words.
        model_sent: The model in the provider's words.
        model_served: The model that the provider says it was.
        response_id: The provider's id of the answer.
        tokens: None if the provider did not tell.
        price: In US dollars; None if it is not known.
        status: The HTTP status of the answer; 402 if a budget stopped the call, 499 if the agent
            went away first.
        error: What went wrong, in words.
        attempts: How many requests of providers it took.
        first_token: Seconds to the first piece of an answer; None if there was none.
        duration: Seconds in all.
    """

    at: datetime
    key_id: str
    machine: str
    session: str
    thread: str
    turn: str
    profile: str
    kind: Kind
    client: str
    path: str
    provider: str
    model_asked: str
    model_sent: str
    model_served: str
    response_id: str
    tokens: Tokens | None
    price: float | None
    status: int
    error: str | None
    attempts: int
    first_token: float | None
    duration: float
    source: str = field(default="gateway")

    @property
    def hidden(self) -> bool:
        """Whether no transcript of the agent tells of it."""
        return self.kind.hidden


CallSink = Callable[[ModelCall], None]


def now() -> datetime:
    """Return the time of day; never subtract two of these to measure."""
    return datetime.now(UTC)
