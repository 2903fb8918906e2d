"""Read `agentos.toml`, and say of a mistake where it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError

from agentos.config import expanded
from agentos.errors import ConfigInvalid
from agentos.settings import places
from agentos.settings.file import read_text, settings_file
from agentos.settings.mistakes import first_mistake
from agentos.settings.table import Table

_SYNTAX = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)")
Tables = TypeVar("Tables", bound=Table)


class Document:
    """A document whose every table was found to be right.

    Args:
        path: Where it is; relative paths in it are relative to this one's directory.
        text: What it says.

    Raises:
        ConfigInvalid: It is no TOML, or says what no area knows; names the line.
    """

    def __init__(self, path: Path, text: str) -> None:
        from agentos.settings.areas import AREAS, whole_document

        self.path = path
        self.text = text
        self.values: dict[str, Any] = parse(path, text)
        try:
            self._whole = whole_document().model_validate(self.values)
        except ValidationError as error:
            mistake = first_mistake(
                error, whole_document(), lambda path: self._places.of(path).line
            )
            self.refuse(mistake.path, mistake.message, mistake.hint, cause=error)
        for area in AREAS:
            area.read(self)

    def tables(self, kind: type[Tables]) -> Tables:
        """Return an area's tables."""
        assert isinstance(self._whole, kind)
        return self._whole

    @property
    def whole(self) -> Table:
        """All tables, defaults included."""
        return self._whole

    def place(self, said: str) -> Path:
        """Return the path that a value means: `~` is the user's home, the rest is from here.

        Raises:
            ConfigInvalid: It is in the home of nobody; `at` adds where it stands.
        """
        return self.path.parent.absolute() / expanded(said)

    def refuse(
        self,
        path: places.Path,
        message: str,
        hint: str | None = None,
        *,
        cause: Exception | None = None,
    ) -> NoReturn:
        """Raise ConfigInvalid for what stands at a path of keys and indices."""
        name = dotted(path)
        where = f"{self.path}:{self._places.of(path)}: " + (f"{name}: " if name else "")
        raise ConfigInvalid(f"{where}{message}", hint=hint) from cause

    @contextmanager
    def at(self, *path: str | int) -> Iterator[None]:
        """Give the errors of a block the place of what it reads."""
        try:
            yield
        except ConfigInvalid as error:
            self.refuse(path, error.message, error.hint, cause=error)

    @cached_property
    def _places(self) -> places.Places:
        return places.Places(self.text)


def read_document(path: Path | None = None) -> Document:
    """Read and check the settings.

    Args:
        path: The file; by default `agentos.toml` of the AgentOS home. It need not be there.

    Raises:
        ConfigInvalid: It cannot be read; the message names the file, the line and the key.
    """
    path = path or settings_file()
    return Document(path, read_text(path))


def dotted(path: places.Path) -> str:
    """Write a path as a dotted key; indices are numbers."""
    return ".".join(str(part) for part in path)


def parse(path: Path, text: str) -> dict[str, Any]:
    """Read TOML, whatever it says.

    Raises:
        ConfigInvalid: It is none; names the line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        place = _SYNTAX.search(said)
        line, column = place.groups() if place else (None, None)
        where = f"{line}:{column}" if line else str(text.count("\n") + 1)
        message = _SYNTAX.sub("", said)
        message = message[:1].lower() + message[1:]
        raise ConfigInvalid(
            f"{path}:{where}: not valid TOML: {message}",
            hint="strings stand in quotes, tables in [brackets]",
        ) from error
