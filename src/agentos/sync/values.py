"""Values of configuration files, by the path of keys that leads to them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from agentos.sync.desired import KeyPath

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Absent:
    """What stands where nothing stands; JSON's null is a value."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()


@dataclass(frozen=True)
class Obstacle:
    """Something that is no table, where a key of ours needs one; equal to nothing of ours."""

    value: Any


def look_up(tree: dict[str, Any], path: KeyPath) -> Any:
    """Find what stands at a path: a value, a table, `ABSENT`, or an `Obstacle` on the way."""
    here: Any = tree
    for key in path:
        if not isinstance(here, dict):
            return Obstacle(here)
        if key not in here:
            return ABSENT
        here = here[key]
    return here


def put(tree: dict[str, Any], path: KeyPath, value: Any) -> None:
    """Set a value; what stands in its way, or under it, gives way."""
    here = tree
    for key in path[:-1]:
        if not isinstance(here.get(key), dict):
            here[key] = {}
        here = here[key]
    here[path[-1]] = value


def drop(tree: dict[str, Any], path: KeyPath) -> None:
    """Remove a value; its tables stay, even empty."""
    parent = look_up(tree, path[:-1])
    if isinstance(parent, dict):
        parent.pop(path[-1], None)


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same to a client: `1`, `1.0` and `true` are three."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return repr(one) == repr(other)  # nan is itself, and -0.0 is not 0.0
    return bool(one == other)


def dotted(path: Iterable[str]) -> str:
    """Write a path as people type it: `mcp_servers."my server".url`."""
    return ".".join(quoted(key) for key in path)


def quoted(key: str) -> str:
    """Write one key, in quotes if it needs them."""
    if _BARE.fullmatch(key):
        return key
    return json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007f")


def show(value: Any) -> str:
    """Write a value for people, in one line."""
    if value is ABSENT:
        return "(absent)"
    if isinstance(value, Obstacle):
        return f"{show(value.value)} in its place"
    return json.dumps(value, ensure_ascii=False, default=str)
