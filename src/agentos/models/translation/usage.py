"""What a Chat answer used, in the words of the Responses API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos.models.translation.tools import Json


def to_responses_usage(usage: Mapping[str, Any] | None) -> Json | None:
    """Translate `usage`; None if the provider did not tell, since nothing is not zero."""
    if usage is None:
        return None
    read, written = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    given, made = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    # DeepSeek has its own word for what came from the cache.
    cached = _count(given, "cached_tokens") or _count(usage, "prompt_cache_hit_tokens")
    said: Json = {
        "input_tokens": read,
        "input_tokens_details": {
            "cached_tokens": cached,
            "cache_write_tokens": _count(given, "cache_write_tokens"),
        },
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": _count(made, "reasoning_tokens")},
        "total_tokens": _count(usage, "total_tokens") or read + written,
    }
    if isinstance(usage.get("cost"), int | float):
        said["cost"] = usage["cost"]
    return said


def _count(usage: object, name: str) -> int:
    value = usage.get(name) if isinstance(usage, Mapping) else None
    return value if isinstance(value, int) and value > 0 else 0
