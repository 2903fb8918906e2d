"""A model's reasoning, kept by the agent between two calls as the provider wants it back."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: What `sealed` begins with.
MARK = "agentos-chat-reasoning:"
#: The fields of a Chat message that providers have for it and take back.
TEXT_FIELDS = ("reasoning_content", "reasoning")


@dataclass(frozen=True)
class Reasoning:
    """What a provider told of a model's reasoning.

    Args:
        text: In words.
        field: Where the words stood; empty if nowhere from where they could be sent back.
        details: OpenRouter's blocks, with what only the model's provider can read.
    """

    text: str = ""
    field: str = ""
    details: tuple[Mapping[str, Any], ...] = ()

    def sealed(self, model: str) -> str | None:
        """Return it as an item's `encrypted_content`; the words themselves are its summary."""
        if not self.field and not self.details:
            return None
        said = {"model": model, "field": self.field, "details": self.details}
        return MARK + base64.b64encode(json.dumps(said).encode()).decode()


def unsealed(item: Mapping[str, Any], model: str) -> Reasoning | None:
    """Read an item that `sealed` made; None if another model did, which cannot use it."""
    sealed = item.get("encrypted_content")
    if not isinstance(sealed, str) or not sealed.startswith(MARK):
        return None
    try:
        said = json.loads(base64.b64decode(sealed[len(MARK) :], validate=True))
        made_by, place, details = said["model"], said["field"], tuple(said["details"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if made_by != model or place not in (*TEXT_FIELDS, ""):
        return None
    summary = item.get("summary")
    parts = summary if isinstance(summary, list) else []
    text = "".join(str(part.get("text") or "") for part in parts if isinstance(part, dict))
    return Reasoning(text, place, details)


def merged(details: list[dict[str, Any]], more: Mapping[str, Any]) -> None:
    """Put a piece of a block to the pieces before it."""
    last = details[-1] if details else {}
    same = all(last.get(name) == more.get(name) for name in ("type", "index"))
    if not details or not same or "index" not in more:
        details.append(dict(more))
        return
    for name, value in more.items():
        if name in ("text", "summary", "data") and isinstance(last.get(name), str):
            last[name] += value or ""
        elif value is not None:
            last[name] = value
