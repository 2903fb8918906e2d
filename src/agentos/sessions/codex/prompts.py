"""Prompt blocks in Codex's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentos.errors import AgentError


def inputs_of(blocks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Translate ACP content blocks.

    Raises:
        AgentError: A block is of no kind that Codex takes, or lacks something.
    """
    try:
        return [_input(block) for block in blocks]
    except (KeyError, TypeError, AttributeError) as error:
        raise AgentError(
            f"a prompt block lacks something: {error!r}",
            code="prompt_block_invalid",
            hint="a block is a content block of the Agent Client Protocol",
        ) from error


def _input(block: Mapping[str, Any]) -> dict[str, Any]:
    match block.get("type"):
        case "text":
            return _text(str(block["text"]))
        case "image":
            url = block.get("uri") or f"data:{block['mimeType']};base64,{block['data']}"
            return {"type": "image", "url": url}
        case "resource_link":
            name = block.get("title") or block.get("name") or block["uri"]
            return _text(f"[{name}]({_path(str(block['uri']))})")
        case "resource":
            return _text(_embedded(block["resource"]))
        case kind:
            raise AgentError(
                f"codex takes no prompt block of the type {kind!r}",
                code="prompt_block_unknown",
                hint="use text, image, resource or resource_link",
            )


def _embedded(resource: Mapping[str, Any]) -> str:
    place = _path(str(resource.get("uri", "")))
    if "text" not in resource:
        return f"[{place}]({place})"
    return f'<context path="{place}">\n{resource["text"]}\n</context>'


def _path(uri: str) -> str:
    return uri.removeprefix("file://")


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "text_elements": []}
