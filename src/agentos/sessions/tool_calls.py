"""Tool calls made readable: the command, its output, its exit code, the edits.

ACP leaves open where an agent puts these. Agents that run commands themselves send
output and exit code in `_meta` (`terminal_output_delta`, `terminal_exit`) or in `rawOutput`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What is found below, and so not taken from an agent that says it itself.
_NOT_TAKEN = {
    *("sessionUpdate", "command", "output", "full_output", "exit_code"),
    *("path", "old_text", "new_text", "edits"),
}


def readable(update: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a tool call's event: the update as it came, and what it means."""
    data = {key: value for key, value in update.items() if key not in _NOT_TAKEN}
    meta, raw_output = _table(update, "_meta"), _table(update, "rawOutput")
    found = {
        "command": _command(_table(update, "rawInput").get("command")),
        "output": _text(_table(meta, "terminal_output_delta").get("data")),
        "full_output": _text(raw_output.get("aggregated_output")),
        "exit_code": _number(
            _table(meta, "terminal_exit").get("exit_code", raw_output.get("exit_code"))
        ),
    }
    data |= {key: value for key, value in found.items() if value is not None}
    content = update.get("content")
    blocks = content if isinstance(content, list) else []
    edits = [_edit(b) for b in blocks if isinstance(b, Mapping) and _is_diff(b)]
    if edits:
        data |= {**edits[0], "edits": edits}
    return data


def _command(value: Any) -> str | None:
    if isinstance(value, list):
        import shlex

        return shlex.join(str(word) for word in value)
    return _text(value)


def _is_diff(block: Mapping[str, Any]) -> bool:
    return block.get("type") == "diff" and isinstance(block.get("path"), str)


def _edit(block: Mapping[str, Any]) -> dict[str, Any]:
    deleted = _table(block, "_meta").get("kind") == "delete"
    return {
        "path": block["path"],
        "old_text": _text(block.get("oldText")),
        "new_text": None if deleted else _text(block.get("newText")),
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _table(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}
