"""The text of `agentos.toml` with one value other than it was, and not a byte more."""

from __future__ import annotations

import tomllib
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from agentos.errors import ConfigInvalid
from agentos.settings import places
from agentos.settings.document import dotted, parse

Tree = MutableMapping[str, Any] | list[Any]


def rewritten(path: Path, text: str, key: places.Path, value: object) -> str:
    """Return the text with a value set, or taken away.

    What tomlkit wrote is compared with what was meant.

    Args:
        path: The file, for what is told of it.
        text: What it says.
        key: What to set.
        value: Any value of TOML; None takes it away, if it is there.

    Raises:
        ConfigInvalid: There is no such place, or more than that would have to change.
    """
    import tomlkit

    meant: Any = parse(path, text)
    document = tomlkit.parse(text)
    if value is None:
        if not _drop(meant, key):
            return text
        _drop(document, key)
    else:
        _put(meant, key, value, dict)
        _put(document, key, tomlkit.item(value), tomlkit.table)
    fresh = tomlkit.dumps(document)
    if "\r\n" in text and "\n" not in text.replace("\r\n", ""):
        fresh = fresh.replace("\r\n", "\n").replace("\n", "\r\n")
    if _said(tomllib.loads(fresh), key) != _said(meant, key):
        raise ConfigInvalid(
            f"{path}: {dotted(key)} cannot be changed without rewriting more of the file",
            hint="edit the file itself",
        )
    return fresh


def _put(here: Tree, key: places.Path, value: object, table: Any) -> None:
    for depth, part in enumerate(key):
        name: Any = part if isinstance(here, list) else str(part)
        last = depth == len(key) - 1
        if isinstance(here, list) and not (isinstance(part, int) and part < len(here)):
            raise ConfigInvalid(
                f"{dotted(key[:depth])} has {len(here)} elements: there is no {part}",
                hint="elements are numbered from 0; add one by editing the file",
            )
        if not isinstance(here, dict | list):
            raise ConfigInvalid(f"{dotted(key[:depth])} is no table", hint="set it as a whole")
        if last:
            here[name] = value
        elif isinstance(here, dict) and name not in here:
            here[name] = table()
        here = here[name]


def _drop(here: Any, key: places.Path) -> bool:
    """Take what is at a place away; tell whether there was something."""
    for depth, part in enumerate(key):
        name: Any = part if isinstance(here, list) else str(part)
        if isinstance(here, list) and not (isinstance(part, int) and part < len(here)):
            return False
        if not isinstance(here, dict | list) or (isinstance(here, dict) and name not in here):
            return False
        if depth == len(key) - 1:
            del here[name]
        elif depth == len(key) - 2 and _is_only_table(here[name], key[-1]):
            del here[name]
            return True
        else:
            here = here[name]
    return bool(key)


def _is_only_table(here: Any, part: str | int) -> bool:
    """Tell whether this is the one `[[table]]` of its name, which leaves no empty list."""
    return isinstance(here, list) and part == 0 and len(here) == 1 and isinstance(here[0], dict)


def _said(here: Any, key: places.Path) -> Any:
    """Leave out tables on the way that say nothing: one without a head goes with its last key."""
    if not key or not isinstance(here, dict) or str(key[0]) not in here:
        return here
    name = str(key[0])
    inner = _said(here[name], key[1:])
    rest = {other: value for other, value in here.items() if other != name}
    return rest if inner == {} else {**rest, name: inner}
