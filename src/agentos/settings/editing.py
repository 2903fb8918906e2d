"""Read one value of `agentos.toml`, and change one without touching the rest."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from agentos.errors import ConfigInvalid, SyncConflict
from agentos.home.replacing import replace_file
from agentos.settings import places
from agentos.settings.document import Document, dotted
from agentos.settings.file import read_text
from agentos.settings.mistakes import declared, nearest
from agentos.settings.rewriting import rewritten


def parse_key(text: str) -> places.Path:
    """Read a dotted key: `hub.port`, `prices."openai/gpt-5.5".input`, `repositories.0.path`.

    Raises:
        ConfigInvalid: It is none.
    """
    try:
        nested: Any = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalid(
            f"{text!r} is no key", hint='keys are like hub.port or prices."openai/gpt-5.5".input'
        ) from error
    path: places.Path = ()
    while isinstance(nested, dict) and len(nested) == 1:
        name = next(iter(nested))
        path = (*path, int(name) if name.isdecimal() else name)
        nested = nested[name]
    if nested != 0:
        raise ConfigInvalid(f"{text!r} is more than a key", hint="name one setting")
    return path


def value_of(document: Document, path: places.Path) -> object:
    """Return a value, or the default of what the document does not set; None if it has none.

    Raises:
        ConfigInvalid: There is no such setting.
    """
    here: object = document.whole
    for depth, part in enumerate(path):
        here = _step(document, here, path[:depth], part)
    return _plain(here)


def set_value(path: Path, key: places.Path, said: str) -> Document:
    """Set a value; comments and everything else stay as they are, byte for byte.

    Args:
        path: The document; it is made if its directory is there.
        key: What to set. Tables that are missing are added.
        said: A TOML value; what is none, or is of the wrong type as one, is taken as a text.

    Raises:
        ConfigInvalid: The document would not be valid; nothing was changed.
        SyncConflict: Somebody else changed it at the same time; nothing was changed.
    """
    refusals = []
    for value in _meanings(said):
        try:
            return set_values(path, {key: value})
        except ConfigInvalid as error:
            refusals.append(error)
    raise ConfigInvalid(
        f"{dotted(key)} was not set: {refusals[0].message}", hint=refusals[0].hint
    ) from refusals[0]


def unset_value(path: Path, key: places.Path) -> bool:
    """Take a setting away, so that its default holds; tell whether the document had it.

    Raises:
        ConfigInvalid: The document would not be valid without it; nothing was changed.
        SyncConflict: Somebody else changed it at the same time; nothing was changed.
    """
    before = read_text(path)
    return set_values(path, {key: None}).text != before


def set_values(path: Path, values: Mapping[places.Path, object]) -> Document:
    """Set several values, all or none; see `set_value`.

    Args:
        path: The document.
        values: What to set, and to which value of TOML; None takes it away, if it is there.
    """
    text = changed = read_text(path)
    for key, value in values.items():
        changed = rewritten(path, changed, key, value)
    document = Document(path, changed)
    if read_text(path) != text:
        raise SyncConflict(f"{path} was changed meanwhile", hint="try again")
    if changed != text:
        replace_file(path, changed.encode())
    return document


def parse_value(said: str) -> object:
    """Return the TOML value that a text is, or the text itself if it is none."""
    return _meanings(said)[0]


def written(value: object) -> str:
    """Write a value as a shell wants it: a text as it is, everything else as TOML."""
    import tomlkit

    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return tomlkit.dumps(value).rstrip("\n")
    return tomlkit.item(value).as_string()


def _step(document: Document, here: object, before: places.Path, part: str | int) -> object:
    if isinstance(here, BaseModel) and part in type(here).model_fields:
        return getattr(here, str(part))
    if isinstance(here, dict) and str(part) in here:
        return here[str(part)]
    if isinstance(here, list) and isinstance(part, int) and part < len(here):
        return here[part]
    names = declared(type(document.whole), before)
    if here is None and part in names:
        return None
    if isinstance(here, dict):
        names = list(here)
    if isinstance(here, list):
        names = [str(index) for index in range(len(here))]
    raise ConfigInvalid(
        f"there is no setting {dotted((*before, part))}",
        code="setting_unknown",
        hint=nearest(str(part), names),
    )


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def _meanings(said: str) -> list[object]:
    try:
        value = tomllib.loads(f"value = {said}")
    except tomllib.TOMLDecodeError:
        return [said]
    return [value["value"], said] if len(value) == 1 else [said]
