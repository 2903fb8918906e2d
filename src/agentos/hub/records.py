"""What is remembered of a request, and who remembers it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class RequestRecord:
    """One request that the hub answered or refused.

    Attributes:
        at: When it came.
        method, path: What it asked for, without its query.
        status: What was answered; 499 if the client left before.
        duration: Seconds until the answer was complete.
        client: Its User-Agent.
        address: Where it came from.
        principal: The name of its token; None if it had none that is good.
        session: The session in a machine that the token belongs to, if any.
        refusal: The code of the guard's refusal, if it refused.
    """

    at: datetime
    method: str
    path: str
    status: int
    duration: float
    client: str
    address: str
    principal: str | None = None
    session: str | None = None
    refusal: str | None = None


class Recorder(Protocol):
    """Whoever remembers requests."""

    async def request(self, record: RequestRecord) -> None:
        """Remember a request, without holding up the next one."""


class NotRecorded:
    """Remember nothing."""

    async def request(self, record: RequestRecord) -> None:
        """Forget it."""
