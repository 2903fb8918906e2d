"""What the routes of usage tell."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from agentos.usage.calendar import Step
from agentos.usage.call import Confidence, ModelCall, Source
from agentos.usage.explain import FileShare
from agentos.usage.money import Currency
from agentos.usage.questions import PricedCall
from agentos.usage.rows import Group


class UsageSum(BaseModel):
    """What some calls used; of the groups, it has those that were asked for.

    The cost is of the calls whose price is known; null if that is none of them.
    """

    hour: str | None = None
    day: str | None = None
    week: str | None = None
    month: str | None = None
    model: str | None = None
    project: str | None = None
    client: str | None = None
    session: str | None = None
    profile: str | None = None
    agent: str | None = None
    provider: str | None = None
    source: str | None = None
    tier: str | None = None
    calls: int
    input: int
    cached_input: int
    cache_write: int
    output: int
    reasoning: int
    tokens: int
    cost: float | None
    unpriced_calls: int
    unmetered_calls: int
    derived_calls: int


class UsageSums(BaseModel):
    """Sums, and the sum of all."""

    since: datetime | None
    until: datetime | None
    time_zone: str
    currency: str
    by: list[Group]
    rows: list[UsageSum]
    total: UsageSum
    next: str | None


class UsagePoint(BaseModel):
    """What was used in a step."""

    calls: int
    tokens: int
    cost: float | None
    unpriced_calls: int


class UsageLine(BaseModel):
    """What has a name, and what it used in each step."""

    name: str
    points: list[UsagePoint]


class UsageStep(BaseModel):
    """An hour, day, week or month of the zone."""

    name: str
    since: datetime
    until: datetime


class UsageSeries(BaseModel):
    """How use went over time: the largest, and what the others used together."""

    by: Group
    step: Step
    time_zone: str
    currency: str
    steps: list[str]
    spans: list[UsageStep]
    series: list[UsageLine]
    left_out: int
    others: list[UsagePoint]
    total: UsageSum


class TokensInfo(BaseModel):
    """Tokens of a call; the cached input and what was written to the cache are parts of input."""

    input: int
    cached_input: int
    cache_write: int
    output: int
    reasoning: int
    cache_write_hour: int


class ProvenanceInfo(BaseModel):
    """Where a call is written: a line of a file, and where that begins."""

    file: str
    line: int
    offset: int


class CallInfo(BaseModel):
    """One model call; its cost, and the price that its source wrote, are in US dollars."""

    number: int
    identity: str
    source: Source
    client: str
    provider: str
    model: str
    tokens: TokensInfo | None
    at: datetime
    provenance: ProvenanceInfo
    confidence: Confidence
    session: str
    thread: str
    turn: str
    response_id: str
    project: str
    profile: str
    agent: str
    kind: str
    tier: str
    price: float | None
    cost: float | None

    @classmethod
    def of(cls, priced: PricedCall) -> CallInfo:
        known = {name: getattr(priced.call, name) for name in ModelCall.__slots__}
        return cls.model_validate(
            known | {"number": priced.number, "cost": priced.cost}, from_attributes=True
        )


class CurrencyInfo(BaseModel):
    """What costs in US dollars are told in."""

    code: str
    per_dollar: float

    @classmethod
    def of(cls, currency: Currency) -> CurrencyInfo:
        return cls(code=currency.code, per_dollar=currency.per_dollar)


class CallList(BaseModel):
    """Calls as they came into the ledger."""

    time_zone: str
    currency: CurrencyInfo
    calls: list[CallInfo]
    next: int | None


class CallText(BaseModel):
    """A call, and the line that it was read from; null if that is not there any more."""

    time_zone: str
    currency: CurrencyInfo
    call: CallInfo
    line: str | None


class ShareInfo(BaseModel):
    """What one file contributes."""

    file: str
    gone: bool
    calls: int
    derived: int
    first_line: int
    last_line: int
    tokens: TokensInfo

    @classmethod
    def of(cls, share: FileShare) -> ShareInfo:
        return cls.model_validate(share, from_attributes=True)


class ProblemInfo(BaseModel):
    """A line, or a file, that was not counted."""

    file: str
    line: int
    kind: str
    message: str


class UsageExplanation(BaseModel):
    """Where a number comes from: the tokens of its files add up to it."""

    tokens: TokensInfo
    files: list[ShareInfo]
    files_left_out: int
    problems: list[ProblemInfo]
    problems_left_out: int


class BudgetInfo(BaseModel):
    """A budget, and how far it is used up; amounts are in US dollars.

    `editable` ones are of a day, which PUT and DELETE change.
    """

    scope: str
    project: str | None
    profile: str | None
    money: float | None
    tokens: int | None
    enforced: bool
    editable: bool
    cost: float | None
    used: int | None
    unpriced: int
    cost_ahead: float | None
    tokens_ahead: int | None
    share: float | None
    share_ahead: float | None


class BudgetList(BaseModel):
    """The budgets of `agentos.toml`."""

    currency: CurrencyInfo
    budgets: list[BudgetInfo]
