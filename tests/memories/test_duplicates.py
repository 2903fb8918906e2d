"""What says the same, and what does not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.memories.duplicates import are_near, fingerprint, grouped

LONG = (
    "Before every commit in this repository run the linter and then the tests, and write the"
    " message in the imperative mood with a short first line and a body that says why"
)
WORDS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=12).map(" ".join)


@pytest.mark.parametrize(
    "other",
    [
        f"- {LONG}.",
        f"## {LONG}",
        LONG.replace("linter", "**linter**").replace("tests", "`tests`"),
        LONG.replace(" in ", "\n  in ").upper(),
    ],
)
def test_the_same(other: str) -> None:
    assert fingerprint(other) == fingerprint(LONG)


@pytest.mark.parametrize(
    ("old", "new", "near"),
    [
        ("short", "brief", True),
        ("and then", "and", True),
        ("short first line", "short first line, please,", True),
        ("run the", "never run the", False),  # a negation turns the sense
        ("the tests", "the tests with -x", False),  # what has signs decides
        ("the tests", "the tests 3 times", False),
        (LONG[60:], "", False),
    ],
)
def test_near(old: str, new: str, near: bool) -> None:
    assert are_near(LONG, LONG.replace(old, new)) is near
    assert fingerprint(LONG) != fingerprint(LONG.replace(old, new))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Prefer tabs over spaces", "Prefer spaces over tabs"),
        ("Use a >= 3", "Use a <= 3"),
        ("Use tabs", "Use spaces"),
        ("The port is 3000", "The port is 3001"),
    ],
)
def test_short_texts_are_not_near(one: str, other: str) -> None:
    assert not are_near(one, other)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_makes_no_difference(texts: list[str], shuffled: random.Random) -> None:
    items = [(text, (number, text)) for number, text in enumerate(texts)]
    found = {frozenset(group) for group in grouped(items)}
    shuffled.shuffle(items)
    assert {frozenset(group) for group in grouped(items)} == found


@settings(deadline=None)
@given(st.lists(WORDS, max_size=12))
def test_all_that_are_near_are_together_and_nobody_is_lost(texts: list[str]) -> None:
    groups = grouped([(text, number) for number, text in enumerate(texts)])
    assert sorted(number for group in groups for number in group) == list(range(len(texts)))
    of = {number: at for at, group in enumerate(groups) for number in group}
    for one in range(len(texts)):
        for other in range(one):
            if are_near(texts[one], texts[other]):
                assert of[one] == of[other]


def test_a_change_in_every_long_text_is_found() -> None:
    base = [f"word{'abcdefghij'[n // 10]}{'abcdefghij'[n % 10]}" for n in range(60)]
    for size in range(10, 60):
        text = " ".join(base[:size])
        other = " ".join([*base[: size // 2], "otherwise", *base[size // 2 + 1 : size]])
        assert len(grouped([(text, 1), (other, 2)])) == 1 if are_near(text, other) else True
        assert are_near(text, other) is (size >= 17)
