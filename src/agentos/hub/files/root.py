"""A directory that paths are resolved in."""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from pathlib import Path

from agentos.errors import FileRefused
from agentos.hub.files.beneath import DIRECTORY
from agentos.hub.files.refusals import refusals


class Root:
    """A directory that paths are resolved in, held open so that it is known again."""

    def __init__(self, path: Path) -> None:
        self.given = os.path.abspath(path)
        self.path = os.path.realpath(path)
        with refusals(self.given):
            self.fd = os.open(self.path, DIRECTORY)
        self.close = weakref.finalize(self, os.close, self.fd)

    def check(self) -> None:
        """Refuse to go on if the directory was removed or another one has its path.

        Raises:
            FileRefused: It is so.
        """
        try:
            now = os.stat(self.path, follow_symlinks=False)
        except OSError as error:
            raise FileRefused(
                f"the root {self.given} is gone: {error.strerror}",
                code="root_gone",
                path=self.given,
                hint="make it again and restart the server, or change the roots",
            ) from error
        if not os.path.samestat(now, os.fstat(self.fd)):
            raise FileRefused(
                f"the root {self.given} was replaced by another directory",
                code="root_replaced",
                path=self.given,
                hint="restart the server if that is meant",
            )


def root_names(roots: Sequence[Root]) -> list[str]:
    """What each root is called: the last name of its path, numbered if taken."""
    names: list[str] = []
    for root in roots:
        name = base = os.path.basename(root.given) or "root"
        number = 1
        while name in names:
            number += 1
            name = f"{base}-{number}"
        names.append(name)
    return names
