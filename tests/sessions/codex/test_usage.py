"""Tokens of a turn, from running totals."""

from __future__ import annotations

from agentos.sessions.codex.messages import ThreadTokenUsage, TokenUsageBreakdown
from agentos.sessions.codex.usage import TokenCount


def tokens(input: int, cached: int = 0, output: int = 0) -> TokenUsageBreakdown:
    return {
        "inputTokens": input,
        "cachedInputTokens": cached,
        "outputTokens": output,
        "reasoningOutputTokens": 0,
        "totalTokens": input + output,
    }


def said(total: TokenUsageBreakdown, last: TokenUsageBreakdown) -> ThreadTokenUsage:
    return {"total": total, "last": last}


def test_calls_add_up_and_a_repeated_total_counts_once() -> None:
    count = TokenCount()
    count.begin_turn()
    count.hear(said(tokens(100, 40, 10), tokens(100, 40, 10)))
    count.hear(said(tokens(100, 40, 10), tokens(100, 40, 10)))
    count.hear(said(tokens(250, 90, 15), tokens(150, 50, 5)))
    assert count.of_turn == {
        "inputTokens": 160,
        "cachedReadTokens": 90,
        "outputTokens": 15,
        "thoughtTokens": 0,
        "totalTokens": 265,
    }
    count.begin_turn()
    assert count.of_turn is None


def test_the_past_of_a_thread_is_not_counted_again() -> None:
    count = TokenCount()
    count.begin_turn()
    count.hear(said(tokens(12_650), tokens(1_180)))
    assert count.of_turn is not None
    assert count.of_turn["inputTokens"] == 1_180


def test_an_estimate_that_shrinks_takes_nothing_away() -> None:
    count = TokenCount()
    count.begin_turn()
    count.hear(said(tokens(100), tokens(100)))
    count.hear(said(tokens(50), tokens(50)))
    assert count.of_turn is not None
    assert count.of_turn["inputTokens"] == 100
