"""Put an AgentOS home under git, with git itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 60.0
_ELSEWHERE = {
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
}


@dataclass(frozen=True)
class Versioning:
    """How a home is under git.

    Attributes:
        state: `none`, `own`, or `within` another repository; `absent` if there is no git.
        top: The working tree that it belongs to.
    """

    state: str
    top: Path | None = None


def versioning_of(home: Path) -> Versioning:
    """Find out whether a directory, which need not be there, belongs to a repository."""
    if os.path.lexists(home / ".git"):
        return Versioning("own", home)
    there = next(each for each in (home, *home.parents) if each.is_dir())
    try:
        found = _git(there, "rev-parse", "--show-toplevel")
    except FileNotFoundError:
        return Versioning("absent")
    if found.returncode != 0:
        return Versioning("none")
    ignored = _git(there, "check-ignore", "--quiet", f"{home}/").returncode == 0
    return Versioning("none") if ignored else Versioning("within", Path(found.stdout.strip()))


def begin_repository(home: Path, files: Iterable[str]) -> str:
    """Make a repository whose first commit has these files, and no others that are there.

    Returns:
        What was done, or what git had against it, in a sentence.
    """
    named = _git(home, "config", "user.name").stdout and _git(home, "config", "user.email").stdout
    identity = () if named else ("-c", "user.name=AgentOS", "-c", "user.email=agentos@localhost")
    commit = ("commit", "--quiet", "--no-gpg-sign", "--message", "AgentOS home")
    for words in (("init", "--quiet"), ("add", "--", *files), (*identity, *commit)):
        done = _git(home, *words)
        if done.returncode != 0:
            verb = next(word for word in words if word in ("init", "add", "commit"))
            return f"git {verb} failed, so the files are not committed: {done.stderr.strip()}"
    made = "a git repository was made, with a first commit"
    if named:
        return f"{made}."
    return (
        f"{made} in the name of AgentOS, since git does not know yours: "
        'git config --global user.name "..." and user.email "...".'
    )


def _git(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run git there, whatever repository the caller's own variables speak of."""
    command = ["git", "-C", str(directory), *words]
    environment = {k: v for k, v in os.environ.items() if k not in _ELSEWHERE}
    try:
        return subprocess.run(
            command,
            capture_output=True,
            check=False,
            env=environment | {"GIT_TERMINAL_PROMPT": "0"},
            errors="replace",
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"it took over {_SECONDS:.0f} seconds")
