"""Selections as conditions on the tables of the ledger."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, and_, case, true
from sqlalchemy.sql import FromClause

from agentos.store.tables import USAGE_CALLERS, USAGE_CALLS, USAGE_QUARTERS
from agentos.usage.selection import Selection, milliseconds, quarter_of

#: Calls, and sums of them, with the words of their callers.
ALL_CALLS = USAGE_CALLS.join(USAGE_CALLERS, USAGE_CALLERS.c.id == USAGE_CALLS.c.caller_id)
ALL_QUARTERS = USAGE_QUARTERS.join(USAGE_CALLERS, USAGE_CALLERS.c.id == USAGE_QUARTERS.c.caller_id)


def column(name: str) -> Column[Any]:
    """Return a column that calls are summed by."""
    return USAGE_QUARTERS.c[name] if name in USAGE_QUARTERS.c else USAGE_CALLERS.c[name]


def selected(selection: Selection, among: FromClause) -> ColumnElement[bool]:
    """Return the condition on `ALL_CALLS` or `ALL_QUARTERS`."""
    terms: list[ColumnElement[bool]] = [true()]
    terms += _calls_in(selection) if among is ALL_CALLS else _quarters_in(selection)
    terms += [USAGE_CALLERS.c[name].in_(wanted) for name, wanted in selection.words]
    if selection.model_names:
        terms.append(_model_name().in_(selection.model_names))
    return and_(*terms)


def _model_name() -> ColumnElement[str]:
    provider, model = USAGE_CALLERS.c.provider, USAGE_CALLERS.c.model
    return case((provider == "", model), else_=provider + "/" + model)


def _calls_in(selection: Selection) -> list[ColumnElement[bool]]:
    at, found = USAGE_CALLS.c.at, []
    if selection.since is not None:
        found.append(at >= milliseconds(selection.since))
    if selection.until is not None:
        found.append(at < milliseconds(selection.until))
    return found


def _quarters_in(selection: Selection) -> list[ColumnElement[bool]]:
    quarter, found = USAGE_QUARTERS.c.quarter, []
    if selection.since is not None:
        found.append(quarter >= quarter_of(selection.since))
    if selection.until is not None:
        found.append(quarter < quarter_of(selection.until))
    return found
