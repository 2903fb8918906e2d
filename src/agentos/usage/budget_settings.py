"""Change the budgets in `agentos.toml`, and nothing else of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentos.config import expanded
from agentos.errors import SyncConflict
from agentos.home.replacing import replace_file
from agentos.settings.document import Document
from agentos.settings.file import read_text, settings_file


def set_budget(
    *,
    money: float | None = None,
    tokens: int | None = None,
    project: Path | None = None,
    profile: str | None = None,
    path: Path | None = None,
) -> None:
    """Set what may be used in a day; a budget for the same is replaced.

    Args:
        money: In US dollars.
        tokens: Input and output tokens.
        project: By this project; by default by all, which the gateway holds calls to.
        profile: By this profile.
        path: The settings; by default `agentos.toml` of the AgentOS home.

    Raises:
        ConfigInvalid: It limits nothing, or the settings are damaged; nothing was changed.
        SyncConflict: Somebody else changed the settings at the same time.
    """
    limits = {name: value for name, value in (("money", money), ("tokens", tokens)) if value}

    def change(document: Any) -> None:
        _remove(document, project, profile)
        tables = _tables(document, project)
        tables.append(_table(_what(project, profile) | limits))

    _change(path or settings_file(), change)


def clear_budget(
    *, project: Path | None = None, profile: str | None = None, path: Path | None = None
) -> bool:
    """Take away what `set_budget` has set, and tell whether there was anything.

    Args:
        project: Of this project.
        profile: Of this profile.
        path: The settings; by default `agentos.toml` of the AgentOS home.

    Raises:
        ConfigInvalid: The settings are damaged.
        SyncConflict: Somebody else changed the settings at the same time.
    """
    found = False

    def change(document: Any) -> None:
        nonlocal found
        found = _remove(document, project, profile)

    _change(path or settings_file(), change)
    return found


def _what(project: Path | None, profile: str | None) -> dict[str, Any]:
    if project is not None:
        return {"project": str(project)}
    return {"per": "day"} | ({"profile": profile} if profile else {})


def _change(path: Path, change: Callable[[Any], None]) -> None:
    import tomlkit

    text = read_text(path)
    Document(path, text)  # what is damaged is not touched
    document = tomlkit.parse(text)
    change(document)
    fresh = tomlkit.dumps(document)
    if fresh == text:
        return
    Document(path, fresh)
    if read_text(path) != text:
        raise SyncConflict(f"{path} was changed meanwhile", hint="try again")
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, fresh.encode())


def _tables(document: Any, project: Path | None) -> Any:
    """Return the array of budgets, made if there is none."""
    import tomlkit

    parent = document
    if project is not None:
        if "usage" not in document:
            document.append("usage", tomlkit.table(is_super_table=True))
        parent = document["usage"]
    if "budgets" not in parent:
        parent.append("budgets", tomlkit.aot())
    return parent["budgets"]


def _table(values: dict[str, Any]) -> Any:
    import tomlkit

    table = tomlkit.table()
    for name, value in values.items():
        table.add(name, value)
    return table


def _remove(document: Any, project: Path | None, profile: str | None) -> bool:
    parent = document.get("usage", {}) if project is not None else document
    tables = parent.get("budgets", [])
    wanted = _what(project, profile)
    for number, table in enumerate(tables):
        what = {name: table[name] for name in ("project", "per", "profile") if name in table}
        if "project" in what:
            what["project"] = str(expanded(what["project"]))
        if what == wanted:
            del tables[number]
            if not len(tables):
                del parent["budgets"]
            return True
    return False
