"""JSON schemas as short as they can be said: models pay for each word of them."""

from __future__ import annotations

from typing import Any


def compact(schema: dict[str, Any]) -> dict[str, Any]:
    """Drop from a schema of pydantic's what no reader needs.

    Titles repeat the names; `null` as an alternative and as a default says no more than that
    the property may be left out; definitions are put where they are used.

    Args:
        schema: An object's schema, without recursion.
    """
    definitions = schema.get("$defs", {})
    short = _short({key: value for key, value in schema.items() if key != "$defs"}, definitions)
    short.pop("description", None)  # the model's docstring, which is for people who read code
    return short


def _short(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found = definitions[schema["$ref"].rpartition("/")[2]]
        schema = {k: v for k, v in found.items() if k != "description"} | {
            k: v for k, v in schema.items() if k != "$ref"
        }
    if "anyOf" in schema:
        schema = _without_null(schema)
    short: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            short[key] = {name: _short(inner, definitions) for name, inner in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            short[key] = _short(value, definitions)
        elif key == "anyOf":
            short[key] = [_short(inner, definitions) for inner in value]
        elif key == "title" or (key == "default" and value in (None, "", [])):
            continue
        else:
            short[key] = value
    return short


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**kinds[0], **rest} if len(kinds) == 1 else {"anyOf": kinds, **rest}
