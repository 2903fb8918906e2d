"""What `agentos-tools` is told inside the machine, and what it prints."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agentos.sessions.tools.failures import CallFailed

if TYPE_CHECKING:
    from agentos.sessions.tools.calls import ToolCalls
    from agentos.sessions.tools.signature import Signature


async def run(calls: ToolCalls, argv: Sequence[str]) -> str:
    """Carry out a command line: a tool's name and `--argument value` pairs.

    Raises:
        CallFailed: There is no answer.
    """
    if not argv or argv[0] in ("--help", "-h"):
        return _overview(calls.signatures.values())
    name, *rest = argv
    signature = calls.signatures.get(name)
    if signature is None:
        return await calls.call(name, {})
    if rest in (["--help"], ["-h"]):
        return _help(signature)
    return await calls.call(name, _arguments(signature, rest))


def _arguments(signature: Signature, words: Sequence[str]) -> dict[str, Any]:
    schemas = signature.schema.get("properties", {})
    arguments: dict[str, Any] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        option, equals, value = word.partition("=")
        if not option.startswith("--"):
            raise CallFailed(
                "tool_arguments_invalid",
                f"{signature.name} takes --argument value pairs, not {word!r}",
            )
        key = option[2:] if option[2:] in schemas else option[2:].replace("-", "_")
        schema = schemas.get(key, {})
        if not equals:
            follows = bool(left) and not left[0].startswith("--")
            value = left.pop(0) if follows else "true"
        _put(arguments, key, _value(schema, value), "array" in _types(schema))
    return arguments


def _put(arguments: dict[str, Any], key: str, value: Any, many: bool) -> None:
    if many and not isinstance(value, list):
        arguments.setdefault(key, []).append(value)
    else:
        arguments[key] = value


def _value(schema: Mapping[str, Any], text: str) -> Any:
    if "string" in _types(schema):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _types(schema: Mapping[str, Any]) -> set[str]:
    options = schema.get("anyOf", [schema])
    return {str(option.get("type")) for option in options}


def _overview(signatures: Iterable[Signature]) -> str:
    lines = [" ".join((s.name, *s.description.splitlines()[:1])) for s in signatures]
    return "\n".join(["usage: agentos-tools NAME [--ARGUMENT VALUE]...", "", *lines])


def _help(signature: Signature) -> str:
    required = signature.schema.get("required", [])
    lines = []
    for name, schema in signature.schema.get("properties", {}).items():
        kind = " or ".join(sorted(_types(schema)))
        need = "required" if name in required else f"default {json.dumps(schema.get('default'))}"
        lines.append(f"--{name}  {kind}, {need}  {schema.get('description', '')}".rstrip())
    return "\n".join([signature.description, "", *lines])
