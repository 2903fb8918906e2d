"""Sessions as JSON: what the routes take and answer, and what their clients read."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from agentos.hub.machines.models import NewMachine
from agentos.sessions.whole_characters import whole_characters

#: Of one prompt.
LONGEST_PROMPT = 1_000_000
Short = Annotated[str, StringConstraints(min_length=1, max_length=500)]
HostPath = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^/[^\x00]*$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[^=\x00]+$", max_length=500)]


def _value(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if "\0" in text or text != whole_characters(text):
        raise ValueError("a variable holds no NUL and no half of a character")
    return value


Environment = dict[Variable, Annotated[SecretStr, AfterValidator(_value)]]
#: Of the page's session ids; whatever else is asked for is not there.
SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class State(StrEnum):
    """What a session is at."""

    STARTING = "starting"
    IDLE = "idle"
    RUNNING = "running"
    WAITING = "waiting"
    ENDED = "ended"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class Tokens(BaseModel):
    """Tokens; those cached are part of the input, those of reasoning part of the output."""

    input: int = 0
    cached_input: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


class Cost(BaseModel):
    """What was paid, as a decimal number."""

    amount: str
    currency: str


class Problem(BaseModel):
    """An error, worded as every error of the hub."""

    code: str
    message: str
    hint: str | None = None


class Option(BaseModel):
    """A possible answer; `kind` is allow_once, allow_always, reject_once or reject_always."""

    id: str
    name: str
    kind: str


class Permission(BaseModel):
    """A question of the agent that waits for an answer."""

    id: str
    title: str
    kind: str
    command: str | None
    options: list[Option]
    asked_at: datetime


class SessionState(BaseModel):
    """How a session is.

    `live` says whether this hub holds it; `machine` is the id of its machine, and `workspace` the
    directory of the host that was copied into that.
    """

    id: str
    agent: str
    title: str
    state: State
    live: bool
    model: str | None
    profile: str | None
    workspace: str | None
    machine: str | None
    turns: int
    queued: int
    last_line: str
    usage: Tokens
    cost: Cost | None
    permissions: list[Permission]
    created_at: datetime
    updated_at: datetime
    last_seq: int
    error: Problem | None


class SessionList(BaseModel):
    """A page of sessions: those that live first, then those of the store, newest first."""

    sessions: list[SessionState]
    next: str | None


class Event(BaseModel):
    """Something that happened in a session; see `agentos.SessionEvent`."""

    seq: int
    session_id: str
    at: float
    type: str
    data: dict[str, Any]


class EventPage(BaseModel):
    """A part of a transcript, in order.

    `next` is the `after` of the page behind it, `previous` the `before` of the page in front of it.
    """

    events: list[Event]
    next: int | None
    previous: int | None
    last_seq: int


class NewBudget(BaseModel):
    """What a session may spend on models: US dollars, tokens, or both."""

    model_config = ConfigDict(extra="forbid")

    money: Annotated[float, Field(gt=0)] | None = None
    tokens: Annotated[int, Field(gt=0)] | None = None


class Renewal(BaseModel):
    """What a session that goes on is given anew: credentials are in no store."""

    model_config = ConfigDict(extra="forbid")

    env: Environment = Field(default_factory=dict)
    permission: Literal["ask", "allow", "reject"] | None = None
    workspace: HostPath | None = None


class NewSession(NewMachine):
    """A session to begin, with a machine of its own; or one to go on with (`resume`)."""

    agent: Short = "codex"
    prompt: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PROMPT)] | None = None
    model: Short | None = None
    instructions: Annotated[str, StringConstraints(max_length=LONGEST_PROMPT)] | None = None
    instructions_file: HostPath | None = None
    skills: tuple[HostPath, ...] = ()
    memories: tuple[HostPath, ...] = ()
    profile: Short | None = None
    profile_file: HostPath | None = None
    permission: Literal["ask", "allow", "reject"] = "ask"
    env: Environment = Field(default_factory=dict)
    budget: NewBudget | None = None
    resume: SessionId | None = None


class NewPrompt(BaseModel):
    """A prompt to send; one that is sent again with its key is not played again."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PROMPT)]
    idempotency_key: Short | None = None


class Queued(BaseModel):
    """How many prompts wait, and the number of the turn that this one is."""

    queued: int
    turn: int | None


class Answer(BaseModel):
    """The option that answers a permission request, by its id or kind."""

    model_config = ConfigDict(extra="forbid")

    option: Short


class TurnSum(BaseModel):
    """What a turn used; no end if it has none yet."""

    turn: int
    prompt: str
    usage: Tokens | None
    cost: Cost | None
    started_at: datetime
    ended_at: datetime | None
    stop_reason: str | None


class SessionTotal(BaseModel):
    """What a session used."""

    usage: Tokens
    cost: Cost | None


class SessionUsage(BaseModel):
    """What each turn of a session used, and all of them."""

    turns: list[TurnSum]
    total: SessionTotal


class FileChange(BaseModel):
    """A file that differs, with its lines that came and went; none of what is not text."""

    path: str
    change: Literal["added", "changed", "deleted"]
    added: int
    removed: int


class SessionDiff(BaseModel):
    """What a session changed in its workspace; `truncated` says whether the patch has an end."""

    changes: list[FileChange]
    patch: str
    truncated: bool


class Applied(BaseModel):
    """What was brought to the host; with conflicts nothing was."""

    written: list[str]
    conflicts: list[str]


class SessionHost(BaseModel):
    """Where the hub keeps sessions, how many are live, and how many of these are at work.

    `store` names the store without its address, `data` is the data directory.
    """

    store: str
    data: str
    home: str
    live: int
    working: int
    most: int
