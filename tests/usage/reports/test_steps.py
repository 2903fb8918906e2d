"""Hours, days, weeks and months by their names."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from agentos.usage.calendar import Step
from agentos.usage.steps import labels_between, span_of_label, suiting

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("step", "label", "since", "until"),
    [
        ("hour", "2026-05-04 23:00", "2026-05-04T21:00", "2026-05-04T22:00"),
        ("day", "2026-05-04", "2026-05-03T22:00", "2026-05-04T22:00"),
        ("week", "2026-W19", "2026-05-03T22:00", "2026-05-10T22:00"),
        ("month", "2026-05", "2026-04-30T22:00", "2026-05-31T22:00"),
        ("month", "2026-12", "2026-11-30T23:00", "2026-12-31T23:00"),
        # Clocks change: the day has 23 or 25 hours, and an hour is there twice or not at all.
        ("day", "2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("day", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("hour", "2026-10-25 02:00", "2026-10-25T00:00", "2026-10-25T02:00"),
        ("hour", "2026-03-29 02:00", "2026-03-29T01:00", "2026-03-29T01:00"),
        ("week", "2026-W43", "2026-10-18T22:00", "2026-10-25T23:00"),
    ],
)
def test_a_step_begins_and_ends_as_the_zones_clock_does(
    step: Step, label: str, since: str, until: str
) -> None:
    span = span_of_label(step, label, BERLIN)
    assert span.since == datetime.fromisoformat(f"{since}+00:00")
    assert span.until == datetime.fromisoformat(f"{until}+00:00")


@pytest.mark.parametrize("step", ["hour", "day", "week", "month"])
@pytest.mark.parametrize("where", [UTC, BERLIN, ZoneInfo("Australia/Lord_Howe")])
def test_each_step_begins_where_the_last_one_ends(step: Step, where: ZoneInfo) -> None:
    first, last = {
        "hour": ("2026-10-24 20:00", "2026-10-26 03:00"),
        "day": ("2026-03-25", "2026-11-02"),
        "week": ("2025-W50", "2027-W02"),
        "month": ("2025-11", "2027-02"),
    }[step]
    labels = list(labels_between(step, first, last))
    assert (labels[0], labels[-1]) == (first, last)
    assert labels == sorted(set(labels))
    spans = [span_of_label(step, label, where) for label in labels]
    assert all(one.until == other.since for one, other in pairwise(spans))


@pytest.mark.parametrize(
    ("days", "step"),
    [
        (1, "hour"),
        (2, "hour"),
        (3, "day"),
        (92, "day"),
        (93, "week"),
        (731, "week"),
        (800, "month"),
    ],
)
def test_the_step_suits_the_time(days: int, step: Step) -> None:
    first = date(2026, 1, 1)
    assert suiting(first, first + timedelta(days=days - 1)) == step
