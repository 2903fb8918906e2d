"""The desired state: what is to stand in a client's files, and how much of each file is ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: A value of a configuration file: text, number, truth, list or table.
Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]
#: Where a value stands, from the top: `("mcp_servers", "agentOS-portfolio", "url")`.
KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class OwnedKeys:
    """Keys of a configuration file that the user and the client write too.

    Attributes:
        path: The file, absolute.
        format: Its language; `jsonc` is JSON with comments and trailing commas.
        values: Our keys, down to the single value: what others write beside them stays.
        marked: Whether new ones go between the managed markers, for people to see.
        mode: The permission bits of a file that was not there.
    """

    path: Path
    format: Literal["toml", "json", "jsonc"]
    values: Mapping[KeyPath, Value]
    marked: bool = False
    mode: int = 0o644


@dataclass(frozen=True)
class OwnedSection:
    """A managed section of a text file such as AGENTS.md; the rest is the user's.

    Attributes:
        path: The file, absolute.
        name: Of the section, which its markers bear.
        text: What stands between the markers; empty for no section.
    """

    path: Path
    name: str
    text: str


@dataclass(frozen=True)
class OwnedFile:
    """A whole file of ours.

    Attributes:
        path: The file, absolute.
        content: All of it.
        mode: Its permission bits.
        kind: What people call it: `skill`, `memory`, `profile`, ...
    """

    path: Path
    content: bytes
    mode: int = 0o644
    kind: str = "file"


Owned = OwnedKeys | OwnedSection | OwnedFile


@dataclass(frozen=True)
class Desired:
    """All that is to stand in one client's files.

    Attributes:
        client: Its name: `codex`, `claude`, `cursor`, ...
        owned: The parts.
        roots: Directories that may be removed again when nothing of ours, or anybody's, is left.
        warnings: What the client cannot have, in words.
    """

    client: str
    owned: tuple[Owned, ...]
    roots: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
