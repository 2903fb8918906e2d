"""What a scan says: where something is, never what it is."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum

CONTEXT = 48  # characters of a line before a finding


class Kind(StrEnum):
    """Whether a finding opens something, or is about someone."""

    SECRET = "secret"
    PERSONAL = "personal"


@dataclass(frozen=True)
class Match:
    """Where a rule holds in a text; `start` and `end` enclose what has to be kept quiet."""

    rule: str
    start: int
    end: int
    kind: Kind = Kind.SECRET


@dataclass(frozen=True)
class Finding:
    """Something in a file that should not leave this computer.

    Attributes:
        rule: The rule that holds, as `github-token`.
        path: The file, as it was given to the scan.
        line: Its line, from 1; 0 if the file as a whole is meant.
        excerpt: How the line begins; the secret and all behind it are left out.
        kind: Secret or personal data.
        digest: Tells whether two findings are the same secret; not for display.
    """

    rule: str
    path: str
    line: int
    excerpt: str
    kind: Kind = Kind.SECRET
    digest: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.excerpt}"


def excerpt_before(line: str, start: int) -> str:
    """Return a line's text before a secret, cut where the secret may really begin."""
    before = re.sub(r"[A-Za-z0-9+/_\-.]{16,}$", "", line[:start]).lstrip()[-CONTEXT:]
    return "".join(sign if sign.isprintable() else " " for sign in before) + "***"


def digest(secret: str) -> str:
    """Return what equal secrets have in common."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
