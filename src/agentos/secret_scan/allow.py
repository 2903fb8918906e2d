"""What a person has looked at and lets pass."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

ALLOW_FILE = ".agentos-allow-secrets"
PRAGMA = re.compile(r"agentos:\s{0,4}allow-secret\b")


@dataclass(frozen=True)
class AllowList:
    """The lines of an allow file: a glob of paths, and optionally the one rule that is meant.

    ```
    # test keys, made up
    tests/fixtures/*.pem private-key
    docs/tokens.md
    ```

    Attributes:
        entries: Pairs of a glob and a rule; the rule `*` is any.
    """

    entries: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> AllowList:
        """Read an allow file; comments and empty lines say nothing."""
        lines = (line.split("#", 1)[0].split() for line in text.splitlines())
        return cls(tuple((line[0], line[1] if len(line) > 1 else "*") for line in lines if line))

    def allows(self, path: str, rule: str) -> bool:
        """Whether findings of a rule in a file pass."""
        return any(
            (fnmatchcase(path, glob) or path == glob) and wanted in ("*", rule)
            for glob, wanted in self.entries
        )
