"""A profile: a role's settings as a whole file in the agent's own format, under a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from agentos.agents.given import is_text, text_of
from agentos.errors import ConfigInvalid

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Profile:
    """A profile that a caller names.

    Args:
        name: What its file is named after, and its calls are booked under.
        text: Its file; None if it is in the machine.

    Raises:
        ConfigInvalid: It cannot be named so.
    """

    name: str
    text: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigInvalid(
                f"a profile cannot be named {self.name!r}",
                hint="a name has letters, digits, _ and -, 64 at most",
            )

    @classmethod
    def of(cls, name: str | None, file: str | Path | None) -> Profile | None:
        """Take what a caller says: a name, a file (named by its stem), or both.

        Raises:
            ConfigInvalid: The file cannot be read, or there is no name.
        """
        if file is None:
            return None if name is None else cls(name)
        text = text_of(file, "profile_file=")
        if name is None and is_text(file):
            raise ConfigInvalid("profile_file= is a text without a name", hint='profile="planner"')
        if name is None:
            name = Path(file).name.removesuffix(".toml").removesuffix(".config")
        return cls(name, text)
