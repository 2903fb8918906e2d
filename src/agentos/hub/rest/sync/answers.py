"""What the hub tells of sync: plans, pulls and undos as their owner looks at them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from agentos.sync.backup import BackupHead
from agentos.sync.diff import diff_lines, text_of
from agentos.sync.merge import Moved
from agentos.sync.plan import Action, Edit
from agentos.sync.standing import Standing

#: Characters of one text, or of one diff; what is longer is cut.
MOST_TEXT = 20_000


class SyncProblem(BaseModel):
    """Why something is unknown, and what to do."""

    code: str
    message: str
    hint: str | None


class ClientStanding(BaseModel):
    """How one client stands."""

    client: str
    directory: str
    version: str | None
    installed: bool
    state: Literal["in_sync", "drift", "conflict", "error"]
    drift: int
    conflicts: int
    last_applied_at: datetime | None
    error: SyncProblem | None

    @classmethod
    def of(cls, found: Standing) -> ClientStanding:
        error, at = found.error, found.last_applied_at
        return cls(
            client=found.client,
            directory=shown(found.directory),
            version=found.version,
            installed=found.installed,
            state=found.state,
            drift=found.drift,
            conflicts=found.conflicts,
            last_applied_at=datetime.fromisoformat(at) if at else None,
            error=None
            if error is None
            else SyncProblem(code=error.code, message=error.message, hint=error.hint),
        )


class SyncStatus(BaseModel):
    """How the clients stand that are synced; none without an AgentOS home."""

    home_found: bool
    clients: list[ClientStanding]


class Content(BaseModel):
    """What stands, or is to stand, in a place; `text` is none of what is not there, or no text."""

    there: bool
    text: str | None
    cut: bool = False


class PlannedChange(BaseModel):
    """A key, a section or, without a name, a whole file that changes."""

    client: str
    name: str
    action: Action
    moved: Moved
    before: Content | None
    after: Content | None


class OpenConflict(BaseModel):
    """What has to be chosen: what AgentOS has, or what stands in the file."""

    client: str
    name: str
    moved: Moved
    ours: Content
    theirs: Content


class FileDiff(BaseModel):
    """What becomes of a file, as a unified diff; an empty one if it is no text, or stays."""

    path: str
    becomes: Literal["made", "changed", "removed", "same"]
    diff: str
    cut: bool
    binary: bool

    @classmethod
    def fields(cls, path: Path, edit: Edit | None) -> dict[str, Any]:
        if edit is None:
            return {
                "path": shown(path),
                "becomes": "same",
                "diff": "",
                "cut": False,
                "binary": False,
            }
        made, removed = edit.before is None, edit.after is None
        binary = text_of(edit.before) is None or text_of(edit.after) is None
        text = "" if binary else printable("".join(diff_lines(edit)))
        return {
            "path": shown(path),
            "becomes": "made" if made else "removed" if removed else "changed",
            "diff": text[:MOST_TEXT],
            "cut": len(text) > MOST_TEXT,
            "binary": binary,
        }


class PlannedFile(FileDiff):
    """What a sync would do to a file, thing by thing."""

    changes: list[PlannedChange]
    conflicts: list[OpenConflict]


class Yielded(BaseModel):
    """What was ours and is the user's now: they removed it, or chose what stands there."""

    client: str
    path: str
    name: str


class SyncPlan(BaseModel):
    """What a sync would do; its digest is how `push` and `clean` know that it was looked at."""

    verb: Literal["push", "clean"]
    digest: str
    clients: list[str]
    in_sync: bool
    counts: dict[str, int]
    warnings: list[str]
    yielded: list[Yielded]
    files: list[PlannedFile]
    next: str | None


class PulledFile(BaseModel):
    """A file that a pull would bring."""

    client: str
    path: str
    size: int
    state: Literal["new", "changed", "same"]


class PullPlan(BaseModel):
    """What a pull would bring, and where to."""

    digest: str
    folders: dict[str, str]
    files: list[PulledFile]
    next: str | None


class RestoredFile(FileDiff):
    """What an undo would do to a file, and whether somebody changed it since."""

    changed_since: bool


class BackupInfo(BaseModel):
    """A backup that can be undone, after those that are newer."""

    number: int
    at: datetime
    clients: list[str]
    files: list[str]

    @classmethod
    def of(cls, head: BackupHead) -> BackupInfo:
        return cls(
            number=head.number,
            at=datetime.fromisoformat(head.at),
            clients=list(head.clients),
            files=[shown(path) for path in head.files],
        )


class BackupList(BaseModel):
    """Backups, the newest first."""

    backups: list[BackupInfo]
    next: int | None


class UndoPlan(BaseModel):
    """What an undo would bring back."""

    digest: str
    backup: int
    at: datetime
    files: list[RestoredFile]
    next: str | None


class SyncApplied(BaseModel):
    """What was done; `backup` undoes it, if a file changed."""

    backup: int | None
    files: list[str]


def shown(path: Path) -> str:
    """Write a path so that any answer can hold it."""
    return printable(str(path))


def printable(text: str) -> str:
    """Write a text so that UTF-8 can hold it: halves of characters by their number."""
    return text.encode(errors="backslashreplace").decode()
