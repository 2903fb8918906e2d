"""Programs that a repository's own configuration would start.

Whoever can write a repository can make git start programs: a filter, a credential helper, another
directory of hooks. What is always safe to leave out is overridden on each command line; what a
repository may need is refused until a person has looked at it: the person's word is kept with a
digest of exactly these settings, so any change asks again. Settings of the user's own, global or
system-wide, are trusted as they are.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agentos.config import state_dir
from agentos.errors import GitError
from agentos.hub.git.program import Git, shown
from agentos.hub.git.remote_programs import local_repository, receiving_hooks


class Purpose(StrEnum):
    """What git is about to do; each reaches for other settings."""

    READ = "read"
    COMMIT = "commit"
    PUSH = "push"


_FILTERS = r"filter\..*\.(?:clean|smudge|process)"
_COMMITTING = r"core\.hookspath|gpg\..*|hook\..*"
_PUSHING = (
    r"core\.(?:hookspath|sshcommand|gitproxy|askpass)|hook\..*|credential\..*|http\..*|url\..*|"
    r"remote\..*\.(?:uploadpack|receivepack|vcs|proxy.*)|protocol\..*|ssh\..*|push\.gpgsign|"
    r"gpg\..*|lfs\..*|remote\..*\.receives"
)
_HARMLESS = re.compile(
    r"gpg\.format|http\.(?:postbuffer|lowspeed.*|version)|"
    r"lfs\.(?:repositoryformatversion|.*\.access|locksverify)|lfs\..*\.locksverify|"
    r"credential\.(?:.*\.)?(?:username|usehttppath)"
)
_URL = re.compile(r"remote\..*\.(?:push)?url")
_RECEIVING = re.compile(rf"{_FILTERS}|core\.(?:hookspath|fsmonitor|alternaterefscommand)|hook\..*")
_PATTERNS = {
    Purpose.READ: re.compile(_FILTERS),
    Purpose.COMMIT: re.compile(f"{_FILTERS}|{_COMMITTING}"),
    Purpose.PUSH: re.compile(f"{_FILTERS}|{_PUSHING}"),
}


@dataclass(frozen=True)
class Setting:
    """A setting of the repository's own configuration."""

    key: str
    value: str

    def __str__(self) -> str:
        return shown(f"{self.key} = {self.value}")[:200]


class TrustedSettings:
    """The word of a person for settings that start programs.

    Args:
        directory: Where it is kept; by default in the state directory.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or state_dir() / "git-trust"

    async def require(self, git: Git, common_dir: Path, purpose: Purpose) -> None:
        """Check that what a repository's settings would start is known to a person.

        Raises:
            GitError: It is not; `git_config_untrusted`.
        """
        settings = await risky_settings(git)
        wanted = [each for each in settings if _PATTERNS[purpose].fullmatch(each.key.lower())]
        if wanted and self._kept(common_dir) != _digest(settings):
            raise GitError(
                f"the configuration of the repository {git.directory} itself can make git start "
                f"programs: {'; '.join(map(str, wanted[:5]))}",
                code="git_config_untrusted",
                hint="a person can look at it and run: agentos git trust " + str(git.directory),
            )

    async def accept(self, git: Git, common_dir: Path, settings: list[Setting]) -> None:
        """Keep a person's word for exactly these settings."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = self._place(common_dir)
        draft = place.with_suffix(f".{os.getpid()}")
        draft.write_text(f"{_digest(settings)}\n{git.directory}\n", encoding="utf-8")
        draft.replace(place)

    def _kept(self, common_dir: Path) -> str | None:
        try:
            return self._place(common_dir).read_text(encoding="utf-8").split("\n")[0]
        except FileNotFoundError:
            return None

    def _place(self, common_dir: Path) -> Path:
        return self._directory / hashlib.sha256(os.fsencode(common_dir)).hexdigest()[:32]


async def risky_settings(git: Git) -> list[Setting]:
    """Return the settings of a repository's own that can start a program, or lead to one.

    What the user's own configuration says in the same words is not among them.
    """
    own, users = await _settings(git)
    risky = [each for each in own if _is_risky(each.key) and each not in users]
    for remote in own:
        if _URL.fullmatch(remote.key.lower()):
            risky += await _of_remote(git, remote)
    return risky


async def _of_remote(git: Git, remote: Setting) -> list[Setting]:
    git_dir = local_repository(git.directory, remote.value)
    if git_dir is None:
        return []
    own, users = await _settings(Git(git_dir, {"GIT_DIR": str(git_dir)}))
    risky = [each for each in own if _RECEIVING.fullmatch(each.key.lower()) and each not in users]
    hooks = [Setting(*hook) for hook in await receiving_hooks(git_dir)]
    return [Setting(f"remote.{each.key}.receives", each.value) for each in [*risky, *hooks]]


async def _settings(git: Git) -> tuple[list[Setting], set[Setting]]:
    """Return the repository's own settings, and the user's."""
    parts = await git.fields("config", "--list", "--show-scope", "-z", "--includes")
    own, users = [], set()
    for scope, entry in zip(parts[::2], parts[1::2], strict=True):
        key, _, value = entry.partition("\n")
        if scope in ("global", "system"):
            users.add(Setting(key, value))
        elif scope in ("local", "worktree"):
            own.append(Setting(key, value))
    return own, users


def _is_risky(key: str) -> bool:
    lowered = key.lower()
    return not _HARMLESS.fullmatch(lowered) and any(
        pattern.fullmatch(lowered) for pattern in _PATTERNS.values()
    )


def _digest(settings: list[Setting]) -> str:
    text = "\0".join(f"{each.key}\n{each.value}" for each in sorted(settings, key=str))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
