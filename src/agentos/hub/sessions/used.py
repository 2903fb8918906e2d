"""What a session used, turn by turn."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime

from agentos.hub.sessions.costs import cost_of
from agentos.hub.sessions.models import Cost, SessionTotal, SessionUsage, TurnSum
from agentos.hub.sessions.owner import SessionOwner
from agentos.hub.sessions.progress import text_of_prompt, tokens_of
from agentos.sessions.events import SessionEvent
from agentos.usage.questions import PricedCall, priced_calls
from agentos.usage.selection import Selection
from agentos.usage.settings import load_usage_settings

#: Calls that are read of the ledger at once, and characters of a prompt that are told.
_PAGE, _PROMPT = 1000, 2000


async def usage_of(owner: SessionOwner, id: str) -> SessionUsage:
    """Tell what each turn of a session used.

    Raises:
        Refused: There is no such session.
    """
    state = await owner.state(id)
    started = await owner.transcripts.every(id, "turn_started")
    ended = {e.data["turn"]: e for e in await owner.transcripts.every(id, "turn_ended")}
    costs = await _Costs.read(owner, id, started)
    turns = [_turn(one, ended.get(one.data["turn"]), costs) for one in started]
    return SessionUsage(turns=turns, total=SessionTotal(usage=state.usage, cost=state.cost))


def _turn(started: SessionEvent, ended: SessionEvent | None, costs: _Costs) -> TurnSum:
    data = {} if ended is None else ended.data
    usage = data.get("usage")
    return TurnSum(
        turn=started.data["turn"],
        prompt=text_of_prompt(started.data)[:_PROMPT],
        usage=tokens_of(usage) if usage else None,
        cost=costs.of(started),
        started_at=_moment(started),
        ended_at=None if ended is None else _moment(ended),
        stop_reason=data.get("stop_reason"),
    )


class _Costs:
    """What the calls of each turn cost: a call is of the turn that began last before it."""

    def __init__(self, started: Sequence[SessionEvent], calls: Sequence[PricedCall]) -> None:
        self._currency = load_usage_settings().currency
        times = [event.at for event in started]
        self._costs: dict[int, list[float | None]] = {}
        for one in calls:
            place = max(bisect_right(times, one.call.at.timestamp()), 1)
            if place <= len(started):
                self._costs.setdefault(started[place - 1].seq, []).append(one.cost)

    @classmethod
    async def read(cls, owner: SessionOwner, id: str, started: Sequence[SessionEvent]) -> _Costs:
        calls: list[PricedCall] = []
        chosen = Selection(sessions=(id,))
        while page := await priced_calls(
            owner.store, chosen, after=calls[-1].number if calls else 0, limit=_PAGE
        ):
            calls += page
        return await asyncio.to_thread(cls, started, calls)

    def of(self, started: SessionEvent) -> Cost | None:
        """Return what a turn cost; None if that of one of its calls is not known."""
        known = self._costs.get(started.seq, [None])
        amounts = [amount for amount in known if amount is not None]
        if len(amounts) < len(known):
            return None
        return cost_of(self._currency.of(sum(amounts)), self._currency)


def _moment(event: SessionEvent) -> datetime:
    return datetime.fromtimestamp(event.at, UTC)
