"""The difference that a commit would make, as a patch of bounded size."""

from __future__ import annotations

from collections.abc import Sequence

from agentos.errors import GitError
from agentos.hub.git.program import decode, last_lines
from agentos.hub.git.registered import WorkTree
from agentos.hub.git.results import DiffResult

_PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=dirty")


async def diff(tree: WorkTree, *, staged: bool, paths: Sequence[str], limit: int) -> DiffResult:
    """Compare the work tree with the index, or the index with HEAD."""
    for path in paths:
        if not path or "\0" in path:
            raise GitError(f"{path!r} is no path")
    what = (*(("--cached",) if staged else ()), "--", *(paths or (".",)))
    git = tree.git_below
    patch = await git.run("diff", *_PLAIN, *what, limit=limit)
    if patch.code != 0:
        raise GitError(f"git diff in {tree.directory} failed: {last_lines(patch.stderr)}")
    counted = (await git.ask("diff", *_PLAIN, "--no-renames", "--numstat", "-z", *what)).split("\0")
    numbers = [line.split("\t")[:2] for line in counted if line]
    return DiffResult(
        patch=_sendable(patch.stdout),
        files=len(numbers),
        insertions=sum(int(plus) for plus, _ in numbers if plus != "-"),
        deletions=sum(int(minus) for _, minus in numbers if minus != "-"),
        truncated=not patch.whole,
    )


def _sendable(patch: bytes) -> str:
    return decode(patch).encode("utf-8", errors="replace").decode("utf-8")
