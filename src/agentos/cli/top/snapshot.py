"""A picture in plain text for people who do not stay, and as JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict

from agentos.cli.top import words
from agentos.cli.top.picture import Picture
from agentos.cli.usage_table import sparkline


def as_json(picture: Picture) -> str:
    """Return a picture as one JSON object."""
    return json.dumps(asdict(picture), ensure_ascii=False)


def as_text(picture: Picture) -> str:
    """Return a picture as text, a table for each of its parts."""
    parts = [
        f"{words.standing(picture)}\n{words.summary(picture)}",
        _section("SESSIONS", _sessions(picture), "none yet: `agentos run codex '...'` starts one"),
        _section("APPROVALS", _approvals(picture), "nothing waits for an answer"),
        _section("COSTS TODAY", _costs(picture), "nothing was used yet"),
        _section("BUDGETS", _budgets(picture), "none: `agentos budget set` makes one"),
        _section("LOG", _log(picture), "nothing yet"),
    ]
    return "\n\n".join(parts)


Rows = list[tuple[str, ...]]


def _section(name: str, rows: Rows, empty: str) -> str:
    if not rows:
        return f"{name}\n  {empty}"
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join([name, *(f"  {line}" for line in lines)])


def _sessions(picture: Picture) -> Rows:
    return [
        (
            each.id,
            each.state,
            words.one_line(each.agent),
            words.one_line(each.model or "-"),
            "?" if each.turns is None else str(each.turns),
            words.cost_of(each),
            words.one_line(each.last_line or each.title, 80),
        )
        for each in picture.sessions
    ]


def _approvals(picture: Picture) -> Rows:
    return [
        (session.id, words.one_line(session.agent), words.one_line(asked.wanted, 120))
        for session, asked in picture.waiting
    ]


def _costs(picture: Picture) -> Rows:
    costs = picture.costs
    if not costs.total.calls:
        return []
    return [
        (
            words.one_line(use.model) if use is not costs.total else "total",
            f"{use.calls} calls",
            f"{words.tokens(use.tokens)} tokens",
            words.cost_of_use(use, costs.currency),
            sparkline(use.course),
        )
        for use in (*costs.models, costs.total)
    ]


def _budgets(picture: Picture) -> Rows:
    return [
        (
            words.one_line(each.name),
            each.limit,
            f"{words.share(each.share)} used",
            f"{words.share(each.share_ahead)} at the end of the day",
            "refuses beyond it" if each.enforced else "warns",
        )
        for each in picture.budgets
    ]


def _log(picture: Picture) -> Rows:
    return [
        (
            each.at[:19],
            each.kind,
            words.one_line(each.client or "-"),
            f"{each.duration_ms:.1f} ms",
            each.outcome,
            words.one_line(each.name, 80),
        )
        for each in picture.log
    ]
