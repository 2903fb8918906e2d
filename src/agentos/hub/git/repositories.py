"""The git tools: what agents may do in the repositories that are registered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agentos.hub.git import commit, patch, push
from agentos.hub.git.program import shown
from agentos.hub.git.registered import WorkTree, find_work_tree
from agentos.hub.git.requests import PushRequests
from agentos.hub.git.results import CommitResult, DiffResult, PushResult, StatusEntry, StatusResult
from agentos.hub.git.state import read_state
from agentos.hub.git.trust import Purpose, TrustedSettings
from agentos.hub.settings import Repository

DIFF_LIMIT = 100_000  # bytes
FILES_LIMIT = 500


class Repositories:
    """The registered repositories.

    Args:
        registered: Only these, and their work trees, are touched.
        requests: The inbox of pushes that wait for a person; by default in the state directory.
        trusted: The person's word for settings that start programs; likewise.

    Example:
        ```
        git = Repositories([Repository(Path("/home/me/project"))])
        made = await git.commit("/home/me/project", "Fix the parser")
        ```
    """

    def __init__(
        self,
        registered: Sequence[Repository],
        *,
        requests: PushRequests | None = None,
        trusted: TrustedSettings | None = None,
    ) -> None:
        self._registered = tuple(registered)
        self._requests = requests or PushRequests()
        self._trusted = trusted or TrustedSettings()

    async def status(self, directory: str | Path) -> StatusResult:
        """Say where a repository stands: branch, upstream, unfinished merge, changed files.

        Args:
            directory: Absolute; the repository or a directory in it.

        Raises:
            RepositoryNotRegistered: It is in no registered repository.
            GitError: Git failed, or the repository's configuration is not trusted.
        """
        tree = await self._open(directory, Purpose.READ)
        state = await read_state(tree.git, tree.git_dir)
        files = [
            StatusEntry(path=shown(entry.path), index=entry.index, worktree=entry.worktree)
            for entry in state.entries[:FILES_LIMIT]
        ]
        return StatusResult(
            repository=str(tree.top),
            branch=state.branch,
            head=state.head,
            upstream=state.upstream,
            ahead=state.ahead,
            behind=state.behind,
            operation=state.operation,
            clean=not state.entries,
            files=files,
            truncated=len(state.entries) > FILES_LIMIT,
        )

    async def diff(
        self,
        directory: str | Path,
        *,
        staged: bool = False,
        paths: Sequence[str] = (),
        limit: int = DIFF_LIMIT,
    ) -> DiffResult:
        """Show what changed since the index, or what is staged.

        Args:
            directory: Absolute; only changes below it are shown.
            staged: Compare the index with HEAD.
            paths: Only these, relative to `directory`; taken literally, no globs.
            limit: Bytes of patch.

        Raises:
            RepositoryNotRegistered: It is in no registered repository.
            GitError: Git failed, or the repository's configuration is not trusted.
        """
        tree = await self._open(directory, Purpose.READ)
        return await patch.diff(tree, staged=staged, paths=paths, limit=limit)

    async def commit(
        self, directory: str | Path, message: str, paths: Sequence[str] | None = None
    ) -> CommitResult:
        """Commit all changes of a repository, or those of some paths.

        Without paths, files with secrets and files that are too large are held back and reported.
        What the user has staged is kept, whatever happens.

        Args:
            directory: Absolute; the repository or a directory in it.
            message: The commit message.
            paths: Files or directories, relative to `directory`; nothing else is committed.

        Returns:
            The commit, or a result without an id if there was nothing to commit.

        Raises:
            RepositoryNotRegistered: The directory is in no registered repository.
            SecretsFound: The message, or a path that was asked for, is held back.
            GitError: A merge is not finished, the index is locked, a hook refused, git failed.
        """
        tree = await self._open(directory, Purpose.COMMIT)
        return await commit.commit(tree, message, paths)

    async def push(
        self,
        directory: str | Path,
        remote: str | None = None,
        branch: str | None = None,
        *,
        wait: float = 0.0,
    ) -> PushResult:
        """Push a branch to the branch of its name; never by force, never a protected one.

        Args:
            directory: Absolute; the repository or a directory in it.
            remote: A remote's name; as git would choose it otherwise.
            branch: A branch's plain name; the current one otherwise.
            wait: Seconds to wait for a person's approval, if one is needed.

        Returns:
            What became of it; `waiting` with the request's id while no person has approved it.

        Raises:
            RepositoryNotRegistered: The directory is in no registered repository.
            SecretsFound: A commit that the remote does not have holds a secret.
            PushRefused: It is not allowed, or the remote did not take it.
            GitError: The remote cannot be reached, or git failed.
        """
        tree = await self._open(directory, Purpose.PUSH)
        return await push.push(tree, remote, branch, self._requests, wait)

    async def _open(self, directory: str | Path, purpose: Purpose) -> WorkTree:
        tree = await find_work_tree(self._registered, directory)
        await self._trusted.require(tree.git, tree.common_dir, purpose)
        return tree
