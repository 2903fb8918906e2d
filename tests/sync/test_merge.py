"""The three-way merge: what becomes of one thing, whoever changed it."""

from __future__ import annotations

from typing import Any

import pytest

from agentos.sync.merge import Known, Merged, Moved, merge
from agentos.sync.values import ABSENT, Obstacle

OLD, NEW, MINE = "old", "new", "mine"
SOURCE, FILE, BOTH = Moved.SOURCE, Moved.FILE, Moved.BOTH


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        (None, ABSENT, ABSENT, Merged(None)),
        (None, ABSENT, MINE, Merged(None)),
        (None, NEW, ABSENT, Merged(Known(NEW), write=True, moved=SOURCE)),
        (None, NEW, NEW, Merged(Known(NEW))),
        (None, NEW, MINE, Merged(None, moved=BOTH, conflict=True)),
        (Known(OLD), OLD, OLD, Merged(Known(OLD))),
        (Known(OLD), NEW, OLD, Merged(Known(NEW), write=True, moved=SOURCE)),
        (Known(OLD), NEW, NEW, Merged(Known(NEW))),
        (Known(OLD), ABSENT, OLD, Merged(None, write=True, moved=SOURCE)),
        (Known(OLD), ABSENT, ABSENT, Merged(None)),
        (Known(OLD), OLD, MINE, Merged(Known(OLD), moved=FILE, conflict=True)),
        (Known(OLD), NEW, MINE, Merged(Known(OLD), moved=BOTH, conflict=True)),
        (Known(OLD), ABSENT, MINE, Merged(Known(OLD), moved=BOTH, conflict=True)),
        (Known(OLD), OLD, ABSENT, Merged(Known(OLD, yielded=True), moved=FILE)),
        (Known(OLD), NEW, ABSENT, Merged(Known(NEW, yielded=True), moved=FILE)),
        (Known(OLD, True), OLD, ABSENT, Merged(Known(OLD, True))),
        (Known(OLD, True), NEW, ABSENT, Merged(Known(OLD, True))),
        (Known(OLD, True), OLD, MINE, Merged(Known(OLD, True))),
        (Known(OLD, True), NEW, MINE, Merged(Known(OLD, True), moved=BOTH, conflict=True)),
        (Known(OLD, True), NEW, NEW, Merged(Known(NEW))),
        (Known(OLD, True), ABSENT, MINE, Merged(None)),
    ],
)
def test_without_a_word_from_the_user(
    base: Known | None, ours: Any, theirs: Any, merged: Merged
) -> None:
    assert merge(base, ours, theirs) == merged


@pytest.mark.parametrize(
    ("base", "ours", "theirs"),
    [
        (None, NEW, MINE),
        (Known(OLD), OLD, MINE),
        (Known(OLD), NEW, MINE),
        (Known(OLD, True), NEW, MINE),
    ],
)
def test_a_choice_settles_a_conflict_for_good(base: Known | None, ours: Any, theirs: Any) -> None:
    taken = merge(base, ours, theirs, choice="ours")
    assert taken.write
    assert merge(taken.known, ours, ours) == Merged(Known(ours))
    left = merge(base, ours, theirs, choice="theirs")
    assert not left.write
    assert merge(left.known, ours, theirs) == Merged(left.known)
    assert merge(left.known, ours, "edited again") == Merged(left.known)
    assert merge(left.known, "newer", theirs).conflict


def test_what_was_removed_comes_back_when_it_is_asked_for() -> None:
    for base in (Known(OLD), Known(OLD, yielded=True)):
        assert merge(base, NEW, ABSENT, restore=True) == Merged(
            Known(NEW), write=True, moved=SOURCE
        )
    assert merge(Known(OLD, yielded=True), OLD, MINE, restore=True).write
    assert merge(Known(OLD), OLD, MINE, restore=True).conflict


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, 1.0), (0, False), (0.0, -0.0), ([1], [True]), ("", None)]
)
def test_values_that_python_takes_for_equal_are_not(one: Any, other: Any) -> None:
    assert merge(Known(one), one, other).conflict


def test_a_value_where_a_table_has_to_be_is_never_ours() -> None:
    assert merge(None, 5, Obstacle(5)).conflict
