"""The tokens of a turn, from the running totals that Codex tells."""

from __future__ import annotations

from typing import Any

from agentos.sessions.codex.messages import ThreadTokenUsage, TokenUsageBreakdown

_KINDS = ("inputTokens", "cachedInputTokens", "outputTokens", "reasoningOutputTokens")


class TokenCount:
    """Count what a turn uses.

    The total of a thread that was resumed or forked begins with its past: what a turn used is
    what the total grew by, and of the first word about such a thread what its last call used.
    """

    def __init__(self) -> None:
        self._total: TokenUsageBreakdown | None = None
        self._turn: dict[str, int] | None = None

    def begin_turn(self) -> None:
        """Count for a new turn."""
        self._turn = None

    def hear(self, usage: ThreadTokenUsage) -> None:
        """Take the running total as it is now."""
        total, before = usage["total"], self._total
        self._total = total
        if before == total:
            return
        turn = self._turn or dict.fromkeys(_KINDS, 0)
        for kind in _KINDS:
            now, then = _of(total, kind), 0 if before is None else _of(before, kind)
            turn[kind] += _of(usage["last"], kind) if before is None else max(now - then, 0)
        self._turn = turn

    @property
    def of_turn(self) -> dict[str, Any] | None:
        """The turn's tokens in ACP's form, where the input is without what was cached."""
        if self._turn is None:
            return None
        count = self._turn
        return {
            "inputTokens": count["inputTokens"] - count["cachedInputTokens"],
            "cachedReadTokens": count["cachedInputTokens"],
            "outputTokens": count["outputTokens"],
            "thoughtTokens": count["reasoningOutputTokens"],
            "totalTokens": count["inputTokens"] + count["outputTokens"],
        }


def _of(usage: TokenUsageBreakdown, kind: str) -> int:
    value = usage.get(kind, 0)
    return value if isinstance(value, int) else 0
