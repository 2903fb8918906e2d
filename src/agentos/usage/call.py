"""A model call in the ledger: who made it, what it used, and where that is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from agentos.usage.prices import CONTEXT_STEPS as CONTEXT_STEPS
from agentos.usage.prices import Tokens


class Source(StrEnum):
    """Who told of a call."""

    GATEWAY = "gateway"
    CODEX = "codex"
    CLAUDE = "claude"
    GEMINI = "gemini"
    OPENCODE = "opencode"


class Confidence(StrEnum):
    """How well the tokens of a call are known.

    Attributes:
        EXACT: The provider's own figures of this one call.
        DERIVED: The difference between two readings of a running total.
    """

    EXACT = "exact"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a call is written.

    Attributes:
        file: The file; `gateway` for a call that the gateway alone knows.
        line: The line in it, from 1; of the gateway, the id of its record.
        offset: Where that line begins, in bytes.
    """

    file: str
    line: int
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model, counted once however many files tell of it.

    Attributes:
        identity: What makes it the same call wherever it is mentioned.
        source: Who told of it; the gateway, if that knows it.
        client: The program that called, such as `codex`.
        provider: Who was asked; empty if nobody wrote it down.
        model: The model, in the provider's words where they are known.
        tokens: None if the provider did not tell.
        at: When, in UTC.
        provenance: Where it is written.
        confidence: How well the tokens are known.
        session: The session; sub-agents belong to the session that began them.
        thread: The conversation in it.
        turn: The turn in that.
        response_id: The provider's id of the answer.
        project: The directory that the agent worked in.
        profile: The profile that the session is booked under.
        agent: The AgentOS agent that made the call in a machine; empty on the host.
        kind: What it was for, such as `turn`, `compaction` or `subagent`; empty if unknown.
        tier: The service tier, such as `priority` or `batch`; empty for the usual one.
        price: What the source itself wrote that it cost, in US dollars.
    """

    identity: str
    source: Source
    client: str
    provider: str
    model: str
    tokens: Tokens | None
    at: datetime
    provenance: Provenance
    confidence: Confidence = Confidence.EXACT
    session: str = ""
    thread: str = ""
    turn: str = ""
    response_id: str = ""
    project: str = ""
    profile: str = ""
    agent: str = ""
    kind: str = ""
    tier: str = ""
    price: float | None = field(default=None)

    @property
    def context(self) -> int:
        """The highest of `CONTEXT_STEPS` that the input exceeds."""
        read = self.tokens.input if self.tokens else 0
        return max((step for step in CONTEXT_STEPS if read > step), default=0)
