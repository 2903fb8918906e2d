"""Where a work tree stands: its branch, what is unfinished, what differs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agentos.errors import GitError
from agentos.hub.git.program import Git, decode, shown

_OPERATIONS = {
    "MERGE_HEAD": "merge",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "sequencer": "cherry-pick",
    "BISECT_LOG": "bisect",
}


@dataclass(frozen=True)
class Entry:
    """A file that differs between HEAD, the index and the work tree.

    Attributes:
        path: The file, relative to the top.
        index, worktree: Git's letters; `.` is no change, `?` untracked, `U` unmerged.
        submodule: Whether it is a submodule.
    """

    path: str
    index: str
    worktree: str
    submodule: bool = False

    @property
    def is_unmerged(self) -> bool:
        """Whether a merge left it in conflict."""
        return "U" in (self.index, self.worktree)


@dataclass(frozen=True)
class State:
    """The answer of `git status`, and the operation that is not finished."""

    branch: str | None
    head: str | None
    upstream: str | None
    ahead: int
    behind: int
    operation: str | None
    entries: tuple[Entry, ...]


async def read_state(git: Git, git_dir: Path) -> State:
    """Read where a work tree stands; submodules are not entered."""
    done = await git.check(
        "status", "--porcelain=v2", "-z", "--branch", "--untracked-files=all", "--no-renames",
        "--ignore-submodules=dirty",
    )  # fmt: skip
    about: dict[str, str] = {}
    entries = []
    for line in decode(done.stdout).split("\0"):
        if line.startswith("# "):
            key, _, value = line[2:].partition(" ")
            about[key] = value
        elif line:
            entries.append(_entry(line))
    head, branch = about.get("branch.oid"), about.get("branch.head")
    ahead, _, behind = about.get("branch.ab", "+0 -0").partition(" ")
    return State(
        branch=None if branch == "(detached)" else branch,
        head=None if head == "(initial)" else head,
        upstream=about.get("branch.upstream"),
        ahead=abs(int(ahead)),
        behind=abs(int(behind)),
        operation=unfinished_operation(git_dir),
        entries=tuple(entries),
    )


def unfinished_operation(git_dir: Path) -> str | None:
    """Return the merge, rebase or the like that a work tree is in the middle of."""
    for name, operation in _OPERATIONS.items():
        if (git_dir / name).exists():
            return operation
    return None


def require_settled(state: State, top: Path) -> None:
    """Check that a commit means what it usually does.

    Raises:
        GitError: A merge or the like is not finished, or files are unmerged.
    """
    unmerged = [shown(entry.path) for entry in state.entries if entry.is_unmerged]
    if unmerged:
        raise GitError(
            f"{top} has unmerged files: {', '.join(unmerged[:5])}",
            code="git_unmerged",
            hint="resolve the conflicts and finish the merge by hand",
        )
    if state.operation:
        raise GitError(
            f"{top} is in the middle of a {state.operation}",
            code="git_operation_unfinished",
            hint=f"finish it by hand, or give it up with: git {state.operation} "
            + ("reset" if state.operation == "bisect" else "--abort"),
        )


def _entry(line: str) -> Entry:
    kind = line[0]
    if kind == "?":
        return Entry(line[2:], "?", "?")
    fields = line.split(" ", 10 if kind == "u" else 8)
    index, worktree = ("U", "U") if kind == "u" else (fields[1][0], fields[1][1])
    return Entry(fields[-1], index, worktree, fields[2] != "N...")
