"""A root to work in, beside what must never be reached from it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

SECRET = "the secret that lies outside"


@dataclass(frozen=True)
class Ground:
    """A root, and a directory beside it with a secret."""

    root: Path
    outside: Path

    @classmethod
    def make(cls, place: Path) -> Ground:
        ground = cls(place / "root", place / "outside")
        ground.root.mkdir()
        ground.outside.mkdir()
        (ground.outside / "secret").write_text(SECRET + "\n")
        return ground

    def state_outside(self) -> dict[str, tuple[int, str]]:
        """What lies outside: modes and hashes."""
        return {
            str(path): (path.stat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest())
            for path in sorted(self.outside.rglob("*"))
            if path.is_file()
        }


def sha256(data: bytes) -> str:
    """The hash as the tools give it."""
    return hashlib.sha256(data).hexdigest()


def leftovers(root: Path) -> list[str]:
    """Temporary files that were not removed."""
    return [name for _, _, names in os.walk(root) for name in names if name.endswith(".tmp")]
