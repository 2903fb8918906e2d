"""Changes that agents propose, kept until their owner decides.

Each is a file of its own in the state directory: `ID.json` while it is open, `closed/ID.json` once
it was accepted or rejected. A proposal carries the text that it was made against, so that what
happened since can be told.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from agentos.errors import AgentOsError, SyncConflict
from agentos.home.replacing import replace_file, sync_directory

DIRECTORY = "portfolio-inbox"
CLOSED = "closed"
MOST_OPEN = 200
MOST_CHARACTERS = 200_000
_MOST_REASON = 2_000
_ID = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True)
class Edit:
    """A snippet of a page, which stands in it exactly once, and what is to stand there."""

    old: str
    new: str


@dataclass(frozen=True)
class Proposal:
    """A change that somebody proposes.

    Attributes:
        id: Eight hexadecimal digits.
        name: The page.
        reason: Why, in the words of who proposes it.
        client: Who that is.
        at: When, in seconds since 1970.
        base_text: The page as it was; None if there was none.
        new_text: The page as it would be.
        state: `open`, `accepted` or `rejected`.
        closed_at: When it was decided.
        answer: What its owner said on rejecting it.
    """

    id: str
    name: str
    reason: str
    client: str
    at: float
    base_text: str | None
    new_text: str
    state: Literal["open", "accepted", "rejected"] = "open"
    closed_at: float | None = None
    answer: str | None = None

    @property
    def base_hash(self) -> str | None:
        """The SHA-256 of the page as it was, in hexadecimal."""
        return None if self.base_text is None else text_hash(self.base_text)

    def diff(self) -> str:
        """What it changes, as a unified diff."""
        return unified(self.base_text or "", self.new_text, self.name, "proposed")


def text_hash(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def unified(old: str, new: str, name: str, side: str) -> str:
    """Return a unified diff of a page to another side's."""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), name, f"{name} ({side})"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Apply edits one after the other.

    Raises:
        AgentOsError: A snippet does not occur, or more than once.
    """
    for edit in edits:
        old, new = line_ends_of(text, edit.old), line_ends_of(text, edit.new)
        times = len(re.findall(f"(?={re.escape(old)})", text)) if old else 0
        if times != 1:
            found = "does not occur" if times == 0 else f"occurs {times} times"
            raise AgentOsError(
                f"the snippet {_short(edit.old)} {found} in the page",
                code="snippet_not_found" if times == 0 else "snippet_ambiguous",
                hint="read the page again, and take a snippet that stands in it once",
            )
        text = text.replace(old, new)
    return text


def line_ends_of(page: str, text: str) -> str:
    """Give a text the line ends of a page: models write line feeds, whatever they read."""
    if "\r\n" not in page or "\n" in page.replace("\r\n", ""):
        return text
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


class Inbox:
    """The proposals of a state directory.

    Args:
        state: The state directory.
    """

    def __init__(self, state: Path) -> None:
        self._open = state / DIRECTORY
        self._closed = self._open / CLOSED

    def add(
        self, name: str, base_text: str | None, new_text: str, reason: str, client: str
    ) -> Proposal:
        """Keep a proposal.

        Raises:
            AgentOsError: It changes nothing, is too long, or too many are open.
        """
        if new_text == base_text:
            raise AgentOsError(
                f"the proposal leaves {name} as it is",
                code="proposal_empty",
                hint="propose a text that differs",
            )
        _check_text(name, new_text)
        if sum(1 for _ in self._open.glob("*.json")) >= MOST_OPEN:
            raise AgentOsError(
                f"{MOST_OPEN} proposals are waiting already",
                code="inbox_full",
                hint="accept or reject some: agentos portfolio inbox",
            )
        proposal = Proposal(
            id=secrets.token_hex(4),
            name=name,
            reason=reason[:_MOST_REASON],
            client=client[:200],
            at=time.time(),
            base_text=base_text,
            new_text=new_text,
        )
        for directory in (self._open.parent, self._open, self._closed):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(self._open / f"{proposal.id}.json", proposal)
        return proposal

    def open(self) -> list[Proposal]:
        """Return the proposals that wait, the oldest first."""
        return _all(self._open)

    def closed(self) -> list[Proposal]:
        """Return those that were decided, the oldest first."""
        return _all(self._closed)

    def find(self, id: str) -> Proposal:
        """Return a proposal that waits.

        Raises:
            AgentOsError: There is none of this id, or it was decided already.
        """
        if _ID.fullmatch(id):
            if (found := _read(self._open / f"{id}.json")) is not None:
                return found
            if (found := _read(self._closed / f"{id}.json")) is not None:
                raise _decided(found)
        raise AgentOsError(
            f"there is no proposal {id!r}",
            code="proposal_unknown",
            hint="agentos portfolio inbox shows those that wait",
        )

    def close(
        self, proposal: Proposal, state: Literal["accepted", "rejected"], answer: str | None
    ) -> Proposal:
        """Put a proposal among the decided ones.

        Raises:
            AgentOsError: Somebody else has decided it meanwhile.
        """
        closed = replace(proposal, state=state, closed_at=time.time(), answer=answer)
        path = self._open / f"{proposal.id}.json"
        try:
            os.rename(path, self._closed / path.name)  # of two who decide, one gets this far
        except FileNotFoundError as error:
            raise _decided(self.closed_one(proposal.id) or closed) from error
        _write(self._closed / path.name, closed)
        sync_directory(self._open)
        return closed

    def closed_one(self, id: str) -> Proposal | None:
        """Return a proposal that was decided."""
        return _read(self._closed / f"{id}.json")


def conflict(proposal: Proposal, now: str | None) -> SyncConflict:
    """Say that a page changed since a proposal was made, and how both sides did."""
    base = proposal.base_text or ""
    theirs = unified(base, now, proposal.name, "now") if now is not None else "(it is gone)\n"
    return SyncConflict(
        f"{proposal.name} changed since proposal {proposal.id} was made\n"
        f"what changed since:\n{theirs}what is proposed:\n{proposal.diff()}",
        hint="edit the page yourself and reject the proposal, or have it proposed again",
        names=(proposal.name,),
    )


def _check_text(name: str, text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise AgentOsError(
            f"the proposed {name} has {len(text)} characters",
            code="proposal_too_long",
            hint=f"at most {MOST_CHARACTERS}; a page should fit a screen or two",
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise AgentOsError(
            f"the proposed {name} has half a character at {error.start}, which no file can hold",
            code="proposal_not_text",
            hint="propose it without",
        ) from error


def _write(path: Path, proposal: Proposal) -> None:
    replace_file(path, json.dumps(asdict(proposal), indent=1).encode(), mode=0o600)


def _read(path: Path) -> Proposal | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return Proposal(**json.loads(content))
    except (ValueError, TypeError) as error:
        raise AgentOsError(
            f"{path} is no proposal: {error}",
            code="proposal_broken",
            hint="it was written by something else; move it away",
        ) from error


def _all(directory: Path) -> list[Proposal]:
    found = [_read(path) for path in directory.glob("*.json") if not path.name.startswith(".")]
    return sorted((each for each in found if each), key=lambda each: (each.at, each.id))


def _decided(proposal: Proposal) -> AgentOsError:
    how = "decided" if proposal.state == "open" else proposal.state
    return AgentOsError(
        f"proposal {proposal.id} was {how} already",
        code="proposal_closed",
        hint="agentos portfolio inbox shows those that wait",
    )


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
