"""Search pages for words and phrases, and show where they stand."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agentos.errors import AgentOsError
from agentos.portfolio.pages import PortfolioText

_TERM = re.compile(r'"([^"]+)"|(\S+)')
_HEADING = re.compile(r"#{1,6}[ \t]+(.+?)[ \t#]*$")
_MOST_TERMS = 20
_LONGEST_LINE = 500


@dataclass(frozen=True)
class Hit:
    """A passage with what was searched for.

    Attributes:
        name: The page.
        uri: `portfolio://NAME`.
        title: The page's title.
        heading: The heading that the passage stands under.
        line: The first line with something found, counted from 1.
        text: The lines found, and those around them.
        found: The words and phrases that are in it.
    """

    name: str
    uri: str
    title: str
    heading: str
    line: int
    text: str
    found: tuple[str, ...]


@dataclass(frozen=True)
class _Term:
    said: str
    phrase: bool
    pattern: re.Pattern[str]


def find(pages: Iterable[PortfolioText], query: str, limit: int, context: int) -> list[Hit]:
    """Return the best passages.

    Args:
        pages: Where to look.
        query: Words, of which the beginning is enough, and "phrases", which have to occur. Case
            makes no difference. Passages with more of the words come first.
        limit: At most so many passages.
        context: So many lines around each line found.

    Raises:
        AgentOsError: The query has no word.
    """
    terms = _terms(query)
    scored = [
        (len(_terms_in(terms, page.body)), len(hit.found), hit)
        for page in pages
        if all(term.pattern.search(page.body) for term in terms if term.phrase)
        for hit in _passages(page, terms, context)
    ]
    scored.sort(key=lambda each: (-each[1], -each[0], each[2].name, each[2].line))
    return [hit for *_, hit in scored[:limit]]


def _terms(query: str) -> list[_Term]:
    terms = []
    for phrase, word in _TERM.findall(query):
        said = phrase.split() or [word.strip('"')]
        if any(any(c.isalnum() for c in part) for part in said):
            terms.append(_term(said, bool(phrase)))
    if not terms:
        raise AgentOsError(
            f"there is no word in {query!r} to search for",
            code="query_empty",
            hint='write words or "a phrase"',
        )
    return terms[:_MOST_TERMS]


def _term(words: Sequence[str], phrase: bool) -> _Term:
    # Lines break anywhere in prose: a space in a phrase is any space.
    text = r"\s+".join(re.escape(word) for word in words)
    start = r"(?<!\w)" if words[0][0].isalnum() else ""
    end = r"(?!\w)" if phrase and words[-1][-1].isalnum() else ""
    return _Term(" ".join(words), phrase, re.compile(start + text + end, re.IGNORECASE))


def _terms_in(terms: Iterable[_Term], text: str) -> tuple[str, ...]:
    return tuple(term.said for term in terms if term.pattern.search(text))


def _passages(page: PortfolioText, terms: Sequence[_Term], context: int) -> Iterator[Hit]:
    lines = page.body.splitlines()
    before = len(page.text.splitlines()) - len(lines)
    for first, last in _stretches(sorted(_lines_found(page.body, terms)), context):
        start, end = max(0, first - context), min(len(lines), last + context + 1)
        passage = "\n".join(lines[start:end])
        yield Hit(
            name=page.file.name,
            uri=page.file.uri,
            title=page.file.title,
            heading=_heading(lines, first) or page.file.title,
            line=before + first + 1,
            text="\n".join(line[:_LONGEST_LINE] for line in lines[start:end]),
            found=_terms_in(terms, passage),
        )


def _lines_found(body: str, terms: Iterable[_Term]) -> set[int]:
    starts = [0]
    for line in body.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def at(offset: int) -> int:
        return bisect_right(starts, offset) - 1

    return {
        each
        for term in terms
        for match in term.pattern.finditer(body)
        for each in range(at(match.start()), at(match.end() - 1) + 1)
    }


def _stretches(lines: Sequence[int], context: int) -> Iterator[tuple[int, int]]:
    """Join lines whose surroundings touch."""
    if not lines:
        return
    first = last = lines[0]
    for line in lines[1:]:
        if line - last > 2 * context + 1:
            yield first, last
            first = line
        last = line
    yield first, last


def _heading(lines: Sequence[str], line: int) -> str | None:
    for text in reversed(lines[: line + 1]):
        heading = _HEADING.match(text)
        if heading:
            return heading.group(1)
    return None
