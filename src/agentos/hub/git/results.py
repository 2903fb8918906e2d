"""What the git tools answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class StatusEntry(_Result):
    """A file that differs; `index` and `worktree` are git's letters, `.` for no change."""

    path: str
    index: str
    worktree: str


class StatusResult(_Result):
    """Where a repository stands."""

    repository: str
    branch: str | None = Field(description="null if HEAD is detached")
    head: str | None = Field(description="null before the first commit")
    upstream: str | None = None
    ahead: int = 0
    behind: int = 0
    operation: str | None = Field(None, description="a merge, rebase, ... that is not finished")
    clean: bool
    files: list[StatusEntry] = []
    truncated: bool = False


class DiffResult(_Result):
    """A patch, cut at the limit."""

    patch: str
    files: int
    insertions: int
    deletions: int
    truncated: bool = False


class HeldBack(_Result):
    """A file that was left out of a commit; line 0 means the whole file."""

    path: str
    reason: str
    line: int = 0
    excerpt: str = ""


class CommitResult(_Result):
    """A commit; without an id there was nothing to commit."""

    commit: str | None
    branch: str | None
    summary: str
    files: int = 0
    insertions: int = 0
    deletions: int = 0
    held_back: list[HeldBack] = []
    warnings: list[str] = []


class PushResult(_Result):
    """What became of a push."""

    state: Literal["pushed", "up-to-date", "waiting"]
    summary: str
    remote: str
    branch: str
    commit: str
    request: str | None = Field(None, description="of a push that waits for approval")
    warnings: list[str] = []
