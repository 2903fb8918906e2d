"""JSON schemas as short as they can be said: models pay for each word of them."""

from __future__ import annotations

from typing import Any

_OF_INPUT = frozenset(("title",))
_OF_OUTPUT = frozenset(("title", "description", "default", "format", "required"))


def compact(schema: dict[str, Any], *, output: bool = False) -> dict[str, Any]:
    """Drop from a schema of pydantic's what no reader needs.

    Titles repeat the names; `null` as an alternative, and a default that is nothing, say no more
    than that the property may be left out; definitions are put where they are used. What a tool
    returns explains itself by its names, and leaves out what is null; what is always there is
    not told.

    Args:
        schema: An object's schema, without recursion.
        output: Whether it is what a tool returns.
    """
    dropped = _OF_OUTPUT if output else _OF_INPUT
    short = _Compactor(schema.get("$defs", {}), dropped).short(schema)
    short.pop("$defs", None)
    short.pop("description", None)  # the model's docstring, which is for people who read code
    return short


class _Compactor:
    def __init__(self, definitions: dict[str, Any], dropped: frozenset[str]) -> None:
        self._definitions = definitions
        self._dropped = dropped

    def short(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            found = self._definitions[schema["$ref"].rpartition("/")[2]]
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {key: value for key, value in found.items() if key != "description"} | rest
        schema = _without_null(schema)
        short: dict[str, Any] = {}
        for key, value in schema.items():
            if key == "properties":
                short[key] = {name: self.short(inner) for name, inner in value.items()}
            elif key in ("items", "additionalProperties") and isinstance(value, dict):
                short[key] = self.short(value)
            elif key == "anyOf":
                short[key] = [self.short(inner) for inner in value]
            elif key not in self._dropped and (key != "default" or value):
                short[key] = value
        return short


def _may_be_null(schema: dict[str, Any]) -> bool:
    return {"type": "null"} in schema.get("anyOf", ())


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    if not _may_be_null(schema):
        return schema
    kinds = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**kinds[0], **rest} if len(kinds) == 1 else {"anyOf": kinds, **rest}
