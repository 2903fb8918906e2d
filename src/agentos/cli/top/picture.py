"""What can be seen: sessions, costs, budgets and the log, at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class Choice:
    """A possible answer to a permission.

    Attributes:
        id: What is answered.
        name: The agent's words for it.
        kind: `allow_once`, `allow_always`, `reject_once` or `reject_always`.
    """

    id: str
    name: str
    kind: str


@dataclass(frozen=True)
class Permission:
    """What an agent asks for and waits.

    Attributes:
        id: Which request.
        title: What it wants, in its words.
        command: The command line, if it is one.
        choices: The possible answers.
        asked_at: When, in ISO 8601.
    """

    id: str
    title: str
    command: str | None
    choices: tuple[Choice, ...]
    asked_at: str

    @property
    def wanted(self) -> str:
        """What it wants, in a line."""
        return f"$ {self.command}" if self.command else self.title

    def first(self, *kinds: str) -> Choice | None:
        """Return the first choice of the first of these kinds that there is."""
        found = (each for kind in kinds for each in self.choices if each.kind == kind)
        return next(found, None)


@dataclass(frozen=True)
class Session:
    """A session.

    Attributes:
        id: Its id.
        agent: The agent's name.
        title: What it is about.
        state: `starting`, `idle`, `running`, `waiting`, `ended`, `interrupted`, `failed`; of the
            store alone, `open` while nobody has ended it.
        live: Whether the hub holds it, so that it can be told something.
        model: What it thinks with; None if that is not known.
        turns: How many there were.
        queued: Prompts that wait.
        last_line: What it said last.
        tokens: Input and output tokens so far; None if that is not known.
        cost: What it cost so far, as a decimal number; None if that is not known.
        currency: What the cost is in.
        permissions: What it waits for.
        updated_at: When something happened last, in ISO 8601.
        error: Why it failed.
    """

    id: str
    agent: str
    title: str = ""
    state: str = "idle"
    live: bool = False
    model: str | None = None
    turns: int | None = None
    queued: int = 0
    last_line: str = ""
    tokens: int | None = None
    cost: str | None = None
    currency: str = "USD"
    permissions: tuple[Permission, ...] = ()
    updated_at: str = ""
    error: str = ""

    @property
    def busy(self) -> bool:
        """Whether a turn is under way."""
        return self.state in ("running", "waiting")


@dataclass(frozen=True)
class ModelUse:
    """What was used of a model today.

    Attributes:
        model: Its name; empty for all of them together.
        calls: How often it was called.
        tokens: Input and output tokens.
        cost: Of the calls whose price is known; None if it is of none.
        unpriced: Calls whose price is not known.
        course: Tokens of each hour of the day so far.
    """

    model: str
    calls: int = 0
    tokens: int = 0
    cost: float | None = 0.0
    unpriced: int = 0
    course: tuple[int, ...] = ()


@dataclass(frozen=True)
class Costs:
    """What was used today, the dearest model first."""

    currency: str = "USD"
    total: ModelUse = field(default_factory=lambda: ModelUse(""))
    models: tuple[ModelUse, ...] = ()


@dataclass(frozen=True)
class Budget:
    """A budget, and how far it is used up.

    Attributes:
        name: What it is of.
        limit: Of money or tokens, in words.
        share: How much of it is used up; None if that is not known.
        share_ahead: How much will be at the end of the day if it goes on like this.
        enforced: Whether calls beyond it are refused.
    """

    name: str
    limit: str
    share: float | None
    share_ahead: float | None
    enforced: bool


@dataclass(frozen=True)
class LogLine:
    """Something that was asked of the hub; see `docs/telemetry.md`."""

    id: int
    at: str
    kind: str
    name: str
    client: str
    project: str
    outcome: str
    duration_ms: float
    arguments: Mapping[str, Any] | None = None


class Reach(StrEnum):
    """How a picture comes."""

    STARTING = "starting"
    HUB = "hub"
    STORE = "store"
    LOST = "lost"


@dataclass(frozen=True)
class Picture:
    """All of it.

    Attributes:
        reach: Whether it comes from a hub, from the store, or does not come just now.
        place: The hub's URL, if it is from one.
        problem: Why it does not come, or what of it does not.
        sessions: Live ones first, then the newest.
        costs: Of today.
        budgets: Those of `agentos.toml`.
        log: The latest, oldest first.
    """

    reach: Reach = Reach.STARTING
    place: str = ""
    problem: str = ""
    sessions: tuple[Session, ...] = ()
    costs: Costs = field(default_factory=Costs)
    budgets: tuple[Budget, ...] = ()
    log: tuple[LogLine, ...] = ()

    def session(self, id: str) -> Session | None:
        """Return a session, if it is there."""
        return next((each for each in self.sessions if each.id == id), None)

    @property
    def waiting(self) -> list[tuple[Session, Permission]]:
        """What waits for an answer."""
        return [(each, asked) for each in self.sessions for asked in each.permissions]
