"""Which texts say the same.

Two texts are the same if they differ only in Markdown's signs, spaces, case and the full stop at
the end. They are near each other if at least four fifths of their pairs of neighbouring words are
common, and every word that decides is: a word with digits or signs in it, and a negation.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

_NEAR = 4, 5  # four fifths
_MARKS = re.compile(r"^[ \t]*(?:[-*+]|#{1,6}|>|\d+[.)])[ \t]+|\*\*|__|`", re.MULTILINE)
_NEGATIONS = {
    *("not", "no", "never", "none", "nor", "neither", "without", "avoid", "cannot", "can't"),
    *("don't", "doesn't", "didn't", "won't", "shouldn't", "mustn't", "isn't", "aren't", "stop"),
    *("instead", "only", "except", "unless", "disable"),
}
_PLAIN = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")
_EDGES = ".,;:!?()[]{}\"'\u2019\u201c\u201d"
Item = TypeVar("Item")


def normalised(text: str) -> str:
    """Return what texts that say the same have in common."""
    plain = _MARKS.sub("", unicodedata.normalize("NFKC", text).replace("\u2019", "'"))
    return " ".join(plain.casefold().split()).rstrip(".")


def fingerprint(text: str) -> str:
    """Return an id that texts share which say the same: twelve hexadecimal digits."""
    return hashlib.sha256(normalised(text).encode(errors="surrogatepass")).hexdigest()[:12]


def are_near(one: str, other: str) -> bool:
    """Whether two texts are near each other."""
    return _near(_Words(one), _Words(other))


def grouped(items: Iterable[tuple[str, Item]]) -> list[list[Item]]:
    """Put items together whose texts are the same or near, also by way of others.

    Args:
        items: Pairs of a text and what it belongs to.

    Returns:
        The groups. Which items are together does not depend on their order.
    """
    pairs = list(items)
    words: dict[str, _Words] = {}
    members: dict[str, list[Item]] = {}
    for text, item in pairs:
        key = normalised(text)
        members.setdefault(key, []).append(item)
        words.setdefault(key, _Words(text))
    keys = list(words)
    group = {key: key for key in keys}

    def first(key: str) -> str:
        while group[key] != key:
            group[key] = group[group[key]]
            key = group[key]
        return key

    for one, other in _pairs_that_may_be_near([words[key] for key in keys]):
        if first(keys[one]) != first(keys[other]) and _near(words[keys[one]], words[keys[other]]):
            group[first(keys[other])] = first(keys[one])
    joined: dict[str, list[Item]] = {}
    for key in keys:
        joined.setdefault(first(key), []).extend(members[key])
    return list(joined.values())


class _Words:
    def __init__(self, text: str) -> None:
        words = [word.strip(_EDGES) for word in normalised(text).split()]
        words = [word for word in words if word]
        self.deciding = Counter(
            word for word in words if word in _NEGATIONS or not _PLAIN.fullmatch(word)
        )
        self.pairs = set(zip(["", *words], [*words, ""], strict=True)) if words else set()


def _near(one: _Words, other: _Words) -> bool:
    if one.deciding != other.deciding:
        return False
    common = len(one.pairs & other.pairs)
    share, whole = _NEAR
    return whole * common >= share * (len(one.pairs) + len(other.pairs) - common)


def _pairs_that_may_be_near(words: Sequence[_Words]) -> Iterable[tuple[int, int]]:
    """Yield the pairs to compare.

    Sets that have so much in common share one of their rarest elements: the rarest that are more
    than what a near set may lack.
    """
    share, whole = _NEAR
    often = Counter(pair for each in words for pair in each.pairs)
    holders: dict[tuple[str, str], list[int]] = {}
    for number, each in enumerate(words):
        rarest = sorted(each.pairs, key=lambda pair: (often[pair], pair))
        lacking = len(rarest) * (whole - share) // whole
        met = set[int]()
        for pair in rarest[: lacking + 1]:
            met.update(holders.get(pair, ()))
            holders.setdefault(pair, []).append(number)
        for earlier in sorted(met):
            yield earlier, number
