"""Programs that a push would start in a repository on this computer.

To push to a directory is to run git in it, with its configuration and its hooks: whoever can
make a directory and name it as a remote could have any program run.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from agentos.hub.git.program import Git

_RECEIVING = (
    "pre-receive",
    "update",
    "post-receive",
    "post-update",
    "reference-transaction",
    "proc-receive",
    "push-to-checkout",
)
_PLACES = ("{}/.git", "{}", "{}.git/.git", "{}.git")  # where git looks, in this order


def local_repository(top: Path, url: str) -> Path | None:
    """Return the git directory that a remote's URL means, if it is on this computer."""
    if url.startswith("file://"):
        path = re.sub(r"^file://[^/]*", "", url)
    elif "://" in url or re.match(r"[^/]+:", url):
        return None
    else:
        path = url
    for place in _PLACES:
        candidate = top / place.format(path.rstrip("/"))
        if (candidate / "HEAD").is_file():
            return candidate.resolve()
    return None


async def receiving_hooks(git_dir: Path) -> list[tuple[str, str]]:
    """Return the hooks that a push to a repository runs, each with a digest of it."""
    git = Git(git_dir, {"GIT_DIR": str(git_dir)})
    # Without the override that keeps hooks from running: where does this repository have them?
    asked = await git.run("rev-parse", "--path-format=absolute", "--git-path", "hooks", hooks=True)
    return list(_digests(Path(asked.text))) if asked.code == 0 else []


def _digests(directory: Path) -> Iterator[tuple[str, str]]:
    for name in _RECEIVING:
        hook = directory / name
        if hook.is_file() and os.access(hook, os.X_OK):
            yield str(hook), hashlib.sha256(hook.read_bytes()).hexdigest()
