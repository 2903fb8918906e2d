"""What is asked of the sums of quarters, in plain SQL that SQLite and PostgreSQL both know.

The command line asks SQLite by itself: to load what everything else uses takes longer than the
answer. So nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from agentos.usage.calendar import Offset, Step, label
from agentos.usage.rows import TIMES, Group
from agentos.usage.selection import Selection, quarter_of

#: Answers a query with named parameters, such as `:since`.
Ask = Callable[[str, Mapping[str, Any]], Sequence[Sequence[Any]]]
#: The number of a caller: provider, model, tier, and the words that a report is by.
Callers = Mapping[int, tuple[str, ...]]

_TOKENS = ("input", "cached_input", "cache_write", "output", "reasoning", "cache_write_hour")
COUNTED = ("calls", "unmetered", "derived", *_TOKENS)
INPUT, OUTPUT = COUNTED.index("input"), COUNTED.index("output")
#: Beyond so many seconds, the course of a row is told by days instead of hours.
_HOURLY = 2 * 86400 + 3600


class Clock:
    """Hours and days of a time zone, as the database counts them."""

    def __init__(self, found: Sequence[Offset], seconds: int) -> None:
        self._offsets = found
        self.step: Step = "hour" if seconds < _HOURLY else "day"

    def choose(self, by: Iterable[Group]) -> None:
        """Choose the steps that all groups of time, and the courses, are made of."""
        if "hour" in by:
            self.step = "hour"

    @property
    def number(self) -> str:
        """The number of a quarter's hour or day since 1970 on the zone's own clock."""
        pairs = [(after.since, here.seconds) for here, after in self._pairs()]
        offset = _stepped(pairs, self._offsets[-1].seconds)
        return f"(quarter + {offset}) / {3600 if self.step == 'hour' else 86400}"

    def _pairs(self) -> Iterable[tuple[Offset, Offset]]:
        return zip(self._offsets, self._offsets[1:], strict=False)

    def label(self, group: Group, number: int) -> str:
        """Name the time of a group that a step belongs to."""
        if self.step == "hour" and group != "hour":
            number //= 24
        return label(group, number)  # type: ignore[arg-type]  # one of TIMES


class Quarters:
    """Ask for sums of the calls that a selection has.

    Args:
        ask: Asks the database.
        selection: Which calls.
    """

    def __init__(self, ask: Ask, selection: Selection) -> None:
        self._ask = ask
        self._bound: dict[str, Any] = {}
        self._times = self._timed(selection)
        self._words = self._worded(selection)

    def reach(self) -> tuple[int, int]:
        """Return the first and the last quarter in which there were calls."""
        # Each by itself: SQLite then takes the two ends of the index.
        ends = [
            self._ask(f"select {end}(quarter) from usage_quarter {self._where}", self._bound)[0][0]
            for end in ("min", "max")
        ]
        return int(ends[0] or 0), int(ends[1] or 0)

    def sums(self, clock: Clock | None, changes: Sequence[int]) -> Sequence[Sequence[Any]]:
        """Return sums: caller, context, whether priced, epoch, step, `COUNTED`, and the price.

        Args:
            clock: How time is cut into steps; None if it is not.
            changes: Prices are the same from one to the next; the first is before all calls.
        """
        epoch = _stepped(list(zip(changes[1:], changes, strict=False)), changes[-1])
        step = "0" if clock is None else clock.number
        sums = ", ".join(f"sum({name})" for name in (*COUNTED, "price"))
        return self._ask(
            f"select caller_id, context, priced, {epoch}, {step}, {sums}"
            f" from usage_quarter {self._where} group by 1, 2, 3, 4, 5",
            self._bound,
        )

    def callers(self, by: Sequence[Group]) -> Callers:
        """Return who called, with the words that a report by these has."""
        words = [_word(group) for group in by if group not in TIMES]
        columns = ", ".join(("id", "provider", "model", "tier", *words))
        terms = list(self._words)
        if self._times:
            within = " and ".join(self._times)
            terms.append(f"id in (select caller_id from usage_quarter where {within})")
        where = f" where {' and '.join(terms)}" if terms else ""
        rows = self._ask(f"select {columns} from usage_caller{where}", self._bound)
        return {row[0]: tuple(row[1:]) for row in rows}

    @property
    def _where(self) -> str:
        terms = list(self._times)
        if self._words:
            whose = " and ".join(self._words)
            terms.append(f"caller_id in (select id from usage_caller where {whose})")
        return f"where {' and '.join(terms)}" if terms else ""

    def _timed(self, selection: Selection) -> list[str]:
        ends = (("since", ">=", selection.since), ("until", "<", selection.until))
        terms = []
        for name, sign, moment in ends:
            if moment is not None:
                self._bound[name] = quarter_of(moment)
                terms.append(f"quarter {sign} :{name}")
        return terms

    def _worded(self, selection: Selection) -> list[str]:
        terms = []
        named = ("model_name", _word("model"), selection.model_names)
        for name, column, wanted in (*((name, name, w) for name, w in selection.words), named):
            if wanted:
                marks = [f"{name}{number}" for number in range(len(wanted))]
                self._bound |= zip(marks, wanted, strict=True)
                terms.append(f"{column} in ({', '.join(f':{mark}' for mark in marks)})")
        return terms


def _word(group: Group) -> str:
    # Two providers may have a model of the same name, at other prices.
    if group == "model":
        return "case when provider = '' then model else provider || '/' || model end"
    return group


def _stepped(changes: Sequence[tuple[int, int]], last: int) -> str:
    """Return what holds in a quarter: a value before each change, and the last after them."""
    if not changes:
        return str(last)
    whens = " ".join(f"when quarter < {change} then {value}" for change, value in changes)
    return f"case {whens} else {last} end"
