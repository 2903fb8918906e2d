"""Documents as users write them, and as clients write them again: for tests of all languages."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from typing import Any, Literal

from hypothesis import strategies as st

from agentos.sync.desired import KeyPath
from agentos.sync.formats.toml import render
from agentos.sync.values import quoted

Language = Literal["toml", "json", "jsonc"]

NAMES = ("a", "b", "c", "x y", "d-1")
keys = st.sampled_from(NAMES)
paths = st.lists(keys, min_size=1, max_size=3).map(tuple)
texts = st.sampled_from(("", "v", 'q"\\', "two\nlines", "é🦊", "]# //", "\t", "0"))
scalars = texts | st.integers(-5, 5) | st.booleans() | st.sampled_from((0.5, -1e300))
values = scalars | st.lists(scalars, max_size=3)


@st.composite
def fragments(draw: st.DrawFn) -> dict[KeyPath, Any]:
    """Keys for a client's file, none of them within another."""
    found: dict[KeyPath, Any] = {}
    for path in draw(st.lists(paths, max_size=5)):
        if not any(path[: len(each)] == each or each[: len(path)] == path for each in found):
            found[path] = draw(values)
    return found


@st.composite
def documents(draw: st.DrawFn, language: Language) -> str:
    """A user's file, with comments `c0`, `c1`, ... each on a line of its own."""
    newline = draw(st.sampled_from(("\n", "\r\n")))
    text = draw(toml_texts() if language == "toml" else json_texts(language == "jsonc"))
    return text.replace("\n", newline)


@st.composite
def toml_texts(draw: st.DrawFn) -> str:
    text, comments = "", 0
    for _ in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(("pair", "pair", "dotted", "inline", "table", "array", "note")))
        key, value = quoted(draw(keys)), _spread(draw, render(draw(values)))
        table = ".".join(map(quoted, draw(paths)))
        if kind == "note":
            chunk = draw(st.sampled_from(("\n", f"# c{comments}\n", f"  # c{comments}\n")))
        else:
            chunk = {
                "pair": f"{key} = {value}\n",
                "dotted": f"  {table}.{key}={value} # mine\n",
                "inline": f"{key} = {{ {quoted(draw(keys))} = {render(draw(scalars))} }}\n",
                "table": f"[{table}]\n",
                "array": f"[[ {table} ]]\n",
            }[kind]
        try:
            tomllib.loads(text + chunk)
        except tomllib.TOMLDecodeError:
            continue  # that key is there already
        text += chunk
        comments += f"# c{comments}" in chunk
    return text.removesuffix("\n") if draw(st.booleans()) else text


def _spread(draw: st.DrawFn, value: str) -> str:
    """Write some lists over several lines, and some texts as literals."""
    if value.startswith("[") and draw(st.booleans()):
        return "[ # list\n  " + value[1:-1] + "\n]"
    return value


@st.composite
def json_texts(draw: st.DrawFn, comments: bool) -> str:
    count = 0

    def note() -> str:
        nonlocal count
        if not comments or not draw(st.booleans()):
            return ""
        count += 1
        return draw(st.sampled_from(("\n// c{}\n", "/* c{} */", "\n/* c{}\n */\n"))).format(
            count - 1
        )

    def table(depth: int) -> str:
        names = draw(st.lists(keys, unique=True, max_size=3))
        space = draw(st.sampled_from(("", " ", "\n" + "  " * (depth + 1), "\n\t")))
        parts = []
        for name in names:
            inner = depth < 2 and draw(st.booleans())
            value = table(depth + 1) if inner else json.dumps(draw(values), ensure_ascii=False)
            parts.append(f"{space}{note()}{json.dumps(name)}:{space[:1]}{value}{note()}")
        last = "," if comments and parts and draw(st.booleans()) else ""
        return "{" + ",".join(parts) + last + note() + space + "}"

    whole = draw(st.sampled_from(("empty", "table", "table", "table")))
    return (
        "" if whole == "empty" else note() + table(0) + note() + draw(st.sampled_from(("", "\n")))
    )


def reserialised(language: Language) -> Callable[[dict[str, Any]], str]:
    """How a client writes its settings again: without comments, in its own form."""
    if language == "toml":
        return _toml
    return lambda tree: json.dumps(tree, indent=4, ensure_ascii=False, sort_keys=True)


def _toml(tree: dict[str, Any]) -> str:
    import tomlkit

    return tomlkit.dumps(tree, sort_keys=True)
