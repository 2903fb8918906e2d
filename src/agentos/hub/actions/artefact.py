"""The file that an action makes."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from agentos.hub.settings import Action

_MAX = 10_000  # files that a glob may find


@dataclass(frozen=True)
class Artefacts:
    """The files that match an action's artefact, as they were before it ran."""

    action: Action
    known: dict[Path, tuple[int, int, int]]

    @classmethod
    def of(cls, action: Action) -> Artefacts:
        """Look at what is there now."""
        return cls(action, matching(action.directory, action.artefact))

    def newest_change(self) -> Path | None:
        """Return the newest of the files that are new or otherwise than before."""
        now = matching(self.action.directory, self.action.artefact)
        changed = [path for path, about in now.items() if self.known.get(path) != about]
        return max(changed, key=lambda path: now[path], default=None)


def matching(directory: Path, glob: str | None) -> dict[Path, tuple[int, int, int]]:
    """Return the regular files of a directory that match, with when they were written.

    What a symbolic link leads out of the directory to is not among them.
    """
    found: dict[Path, tuple[int, int, int]] = {}
    if not glob or glob.startswith("/") or ".." in Path(glob).parts:
        return found
    root = directory.resolve()
    for path in directory.glob(glob):
        if len(found) >= _MAX:
            break
        try:
            about = path.stat()
        except FileNotFoundError:
            continue  # it went meanwhile, or leads nowhere
        if stat.S_ISREG(about.st_mode) and root in path.resolve().parents:
            found[path] = (about.st_mtime_ns, about.st_size, about.st_ino)
    return found
