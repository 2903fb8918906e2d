"""Scan texts and files; every cost is bounded."""

from __future__ import annotations

import codecs
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

from agentos.secret_scan.allow import PRAGMA, AllowList
from agentos.secret_scan.assignments import assignment_matches, url_matches
from agentos.secret_scan.finding import Finding, Kind, Match, digest, excerpt_before
from agentos.secret_scan.library import library_matches
from agentos.secret_scan.personal import personal_matches
from agentos.secret_scan.tokens import TOKEN_RULES

MAX_BYTES = 16_000_000  # of one file
MAX_FINDINGS = 100  # of one file: more say nothing new
LONG_LINE = 4000  # minified code and data: only what a prefix gives away is looked for there
KEY_STORES = frozenset({".jks", ".keystore", ".p12", ".pfx", ".kdbx", ".ppk"})


@dataclass(frozen=True)
class Scan:
    """What a scan found in one file.

    Attributes:
        findings: What is held against it.
        allowed: What the pragma or the allow list lets pass.
        whole: Whether all of it was looked at; false beyond `MAX_BYTES`.
    """

    findings: tuple[Finding, ...] = ()
    allowed: tuple[Finding, ...] = ()
    whole: bool = True


def scan_text(
    text: str, path: str, *, personal: bool = False, allow: AllowList | None = None
) -> list[Finding]:
    """Find secrets in a text.

    Args:
        text: What is looked at, up to `MAX_BYTES` characters of it.
        path: Its file, relative to its repository; names such as `.env` matter.
        personal: Whether personal data is looked for as well.
        allow: What passes.

    Returns:
        The findings, by line. A line with the comment `agentos: allow-secret` has none.
    """
    return list(_scan(text[:MAX_BYTES], path, personal, allow or AllowList()).findings)


def scan_bytes(
    data: bytes, path: str, *, personal: bool = False, allow: AllowList | None = None
) -> Scan:
    """Find secrets in a file's content, text or binary.

    Args:
        data: The content, of which `MAX_BYTES` are looked at.
        path: As for `scan_text`.
        personal: As for `scan_text`; never in binary content.
        allow: What passes.
    """
    allow = allow or AllowList()
    whole = len(data) <= MAX_BYTES
    data = data[:MAX_BYTES]
    if PurePosixPath(path).suffix.lower() in KEY_STORES and data:
        store = Finding("key-store", path, 0, "a file that holds keys", digest=digest(path))
        passes = allow.allows(path, store.rule)
        return Scan(() if passes else (store,), (store,) if passes else (), whole)
    text = _decode(data)
    if text is None:
        found = _scan(data.decode("latin-1"), path, False, allow, binary=True)
    else:
        found = _scan(text, path, personal, allow)
    return Scan(found.findings, found.allowed, whole)


def scan_files(
    paths: Iterable[Path],
    *,
    root: Path,
    personal: bool = False,
    allow: AllowList | None = None,
) -> list[Finding]:
    """Find secrets in files.

    Args:
        paths: Regular files; others are passed over.
        root: What the paths of the findings are relative to.
        personal: As for `scan_text`.
        allow: What passes.

    Raises:
        OSError: One of them cannot be read.
    """
    found: list[Finding] = []
    for path in paths:
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        name = path.relative_to(root).as_posix()
        found += scan_bytes(data, name, personal=personal, allow=allow).findings
    return found


def _decode(data: bytes) -> str | None:
    """Return a text file's text, or None of a binary file."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    if b"\0" in data[:8000]:
        return None
    return data.decode("utf-8", errors="replace")


def _scan(text: str, path: str, personal: bool, allow: AllowList, *, binary: bool = False) -> Scan:
    lines = _Lines(text)
    findings: dict[tuple[int, str], Finding] = {}
    allowed: dict[tuple[int, str], Finding] = {}
    matches = [match for rule in TOKEN_RULES for match in rule.matches(text)]
    matches += library_matches(text)
    if not binary:
        matches += url_matches(text)
        matches += assignment_matches(lines.short, path)
    if personal:
        matches += personal_matches(lines.short)
    for match in _outermost(matches):
        if len(findings) >= MAX_FINDINGS:
            break
        number, line, start = lines.at(match.start)
        earliest = min(
            lines.start_of(other, number) for other in matches if lines.has(other, number)
        )
        finding = Finding(
            match.rule,
            path,
            number,
            excerpt_before(line, min(start, earliest)),
            match.kind,
            digest(text[match.start : match.end]),
        )
        passes = (not binary and PRAGMA.search(line)) or allow.allows(path, match.rule)
        (allowed if passes else findings).setdefault((number, match.rule), finding)
    return Scan(tuple(findings.values()), tuple(allowed.values()))


def _outermost(matches: list[Match]) -> Iterator[Match]:
    """Yield matches by place; of several that overlap, the first and longest."""
    end = dict.fromkeys(Kind, -1)
    for match in sorted(matches, key=lambda match: (match.start, -match.end)):
        if match.start >= end[match.kind]:
            end[match.kind] = match.end
            yield match


class _Lines:
    """The lines of a text, by offset."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0]
        position = text.find("\n")
        while position >= 0:
            self._starts.append(position + 1)
            position = text.find("\n", position + 1)

    @property
    def short(self) -> str:
        """The text with its long lines blanked out; all offsets hold."""
        pieces, kept = [], 0
        for start, end in pairwise([*self._starts, len(self._text)]):
            if end - start > LONG_LINE:
                pieces += [self._text[kept:start], " " * (end - start)]
                kept = end
        return "".join([*pieces, self._text[kept:]])

    def at(self, offset: int) -> tuple[int, str, int]:
        """Return a place's line, from 1, its text, and where the place is in it."""
        number = bisect_right(self._starts, offset)
        start = self._starts[number - 1]
        end = self._text.find("\n", offset)
        return number, self._text[start : None if end < 0 else end], offset - start

    def has(self, match: Match, number: int) -> bool:
        """Whether a match touches a line."""
        first = bisect_right(self._starts, match.start)
        return first <= number <= bisect_right(self._starts, max(match.end - 1, match.start))

    def start_of(self, match: Match, number: int) -> int:
        """Return where a match begins in a line that it touches."""
        return max(match.start - self._starts[number - 1], 0)
