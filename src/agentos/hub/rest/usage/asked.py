"""Which calls a request is about, and who asks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import AfterValidator, AwareDatetime

from agentos.hub.auth.needs import needs
from agentos.hub.hub import Hub
from agentos.hub.scopes import Principal, Scope
from agentos.usage.calendar import Period, midnight, span_of, zone
from agentos.usage.selection import Selection
from agentos.usage.settings import load_usage_settings

LONGEST_PAGE = 1000
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
Observer = Annotated[Principal, needs(Scope.STATUS_READ)]
Owner = Annotated[Principal, needs(Scope.ALL)]


def hub_of(request: Request) -> Hub:
    """Return the hub that is asked."""
    hub: Hub = request.app.state.usage_hub
    return hub


def _in_range(moment: datetime) -> datetime:
    if not _EARLIEST < moment < _LATEST:
        raise ValueError("the time is out of range")
    return moment.astimezone(UTC)


def _day_in_range(day: date) -> date:
    if not _EARLIEST.date() < day < _LATEST.date() - timedelta(days=2):
        raise ValueError("the day is out of range")
    return day


def plain(name: str) -> str:
    """Return a name if there can be such a one: PostgreSQL refuses to look for any other."""
    if "\0" in name:
        raise ValueError("no name has a NUL in it")
    return name


Time = Annotated[AwareDatetime, AfterValidator(_in_range)]
Day = Annotated[date, AfterValidator(_day_in_range)]
Name = Annotated[str, AfterValidator(plain)]
Words = Annotated[list[Name] | None, Query(max_length=50)]


def _selection(
    principal: Observer,
    since: Time | None = None,
    until: Time | None = None,
    period: Annotated[Period | None, Query(description="In place of since and until.")] = None,
    first_day: Annotated[Day | None, Query(description="In place of since.")] = None,
    last_day: Annotated[Day | None, Query(description="In place of until.")] = None,
    tz: Annotated[str | None, Query(max_length=100, description="Where days begin.")] = None,
    session: Words = None,
    model: Words = None,
    model_name: Annotated[
        list[Name] | None, Query(max_length=50, description="Models as sums name them.")
    ] = None,
    provider: Words = None,
    client: Words = None,
    project: Words = None,
    profile: Words = None,
    agent: Words = None,
    source: Words = None,
) -> Selection:
    if period or first_day or last_day:
        where = zone(tz or load_usage_settings().time_zone)
        if period is not None:
            span = span_of(period, where, datetime.now(UTC))
            since, until = span.since, span.until
        if first_day is not None:
            since = midnight(first_day, where)
        if last_day is not None:
            until = midnight(last_day + timedelta(days=1), where)
    if principal.session is not None:
        session = [principal.session]  # a machine's session sees nothing of its neighbours
    return Selection(
        since,
        until,
        sessions=tuple(session or ()),
        models=tuple(model or ()),
        model_names=tuple(model_name or ()),
        providers=tuple(provider or ()),
        clients=tuple(client or ()),
        projects=tuple(project or ()),
        profiles=tuple(profile or ()),
        agents=tuple(agent or ()),
        sources=tuple(source or ()),
    )


Chosen = Annotated[Selection, Depends(_selection)]
Zone = Annotated[str | None, Query(max_length=100)]
Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE)]
