"""Which repository a directory belongs to; only registered ones are touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agentos.config import expanded
from agentos.errors import RepositoryNotRegistered
from agentos.hub.git.program import Git, last_lines
from agentos.hub.settings import Repository


@dataclass(frozen=True)
class WorkTree:
    """A work tree of a registered repository.

    Attributes:
        repository: What is registered.
        top: The work tree's top, a real path.
        git_dir: Where its index and HEAD are.
        common_dir: Where what all work trees share is: objects, branches, configuration.
        directory: The directory that was asked for, a real path at or below `top`.
    """

    repository: Repository
    top: Path
    git_dir: Path
    common_dir: Path
    directory: Path

    @property
    def git(self) -> Git:
        """Git at the top of the work tree."""
        return Git(self.top)

    @property
    def git_below(self) -> Git:
        """Git in the directory that was asked for."""
        return Git(self.directory, {"GIT_CEILING_DIRECTORIES": str(self.top.parent)})


async def find_work_tree(registered: Sequence[Repository], directory: str | Path) -> WorkTree:
    """Find the registered repository that a directory is in.

    Symbolic links are followed first: what counts is where a directory really is. Nested
    repositories and submodules are repositories of their own, which are registered by themselves.

    Raises:
        RepositoryNotRegistered: There is none.
    """
    real = _real(directory)
    places = await Git(real, {"GIT_CEILING_DIRECTORIES": ""}).run(
        "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-dir", "--git-common-dir"
    )
    lines = places.text.split("\n")
    if places.code != 0 or len(lines) != 3:
        raise _not_registered(registered, directory, last_lines(places.stderr))
    top, git_dir, common_dir = (Path(line).resolve() for line in lines)
    if real != top and top not in real.parents:
        raise _not_registered(registered, directory, f"its work tree is {top}")
    for repository in registered:
        root = repository.path.resolve()
        if root == top or await _is_linked(root, top, common_dir):
            return WorkTree(repository, top, git_dir, common_dir, real)
    raise _not_registered(registered, directory, f"it belongs to {top}")


async def _is_linked(root: Path, top: Path, common_dir: Path) -> bool:
    """Whether a registered repository itself names a work tree elsewhere as its own."""
    if not root.is_dir():
        return False
    git = Git(root)
    own = await git.run(
        "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir"
    )
    lines = own.text.split("\n")
    if own.code != 0 or [Path(line).resolve() for line in lines] != [root, common_dir]:
        return False
    listed = await git.fields("worktree", "list", "--porcelain", "-z")
    return any(
        line.startswith("worktree ") and Path(line.removeprefix("worktree ")).resolve() == top
        for line in listed
    )


def _real(directory: str | Path) -> Path:
    path = expanded(directory)
    if not path.is_absolute():
        raise RepositoryNotRegistered(
            f"{str(directory)!r} is a relative path", hint="give the absolute path"
        )
    if "\0" in str(path) or not path.is_dir():
        raise RepositoryNotRegistered(f"there is no directory {str(directory)!r}")
    return path.resolve()


def _not_registered(
    registered: Sequence[Repository], directory: str | Path, why: str
) -> RepositoryNotRegistered:
    known = ", ".join(str(repository.path) for repository in registered[:10]) or "none"
    return RepositoryNotRegistered(
        f"{directory} is in no registered repository" + (f": {why}" if why else ""),
        hint=f"registered in agentos.toml: {known}",
    )
