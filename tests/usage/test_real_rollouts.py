"""Totals of real rollouts, with the arithmetic written out from their lines."""

from __future__ import annotations

import shutil

import pytest
from tests.usage.conftest import ROLLOUTS

from agentos.usage.homes import UsageHome
from agentos.usage.ledger import Ledger
from agentos.usage.prices import Tokens
from agentos.usage.selection import Selection

# Each call of these files used 600 cached input tokens, 50 of output, 20 of them of reasoning.
# Codex 0.137: what total_token_usage.input_tokens grew by at the lines 14, 18, 21, 24, 41, 50, 60,
# 63 and 73. Line 32 repeats line 24 (a cancelled turn), and is no call.
OLD = [1030, 1070, 1090, 1110, 1160, 1200, 1240, 1260, 1300]
# Codex 0.169, its token_usage_records: five of gpt-5.5 before the switch; the fifth, of line 37,
# compacts the history for the model to come, and is still gpt-5.5's.
BEFORE_SWITCH = [1040, 1080, 1100, 1120, 1140]
# gpt-6-luna after it; the last, of line 70, compacts again.
SWITCHED = [1070, 1110, 1130]
BACK = [1080, 1100]
# The fork: one call, though the total of its thread is 12,100, its parent's 10,970 included.
FORK = [1130]


def used(inputs: list[int]) -> Tokens:
    calls = len(inputs)
    return Tokens(sum(inputs), 600 * calls, 0, 50 * calls, 20 * calls)


@pytest.fixture
def filled(codex: UsageHome) -> UsageHome:
    for file in ROLLOUTS.iterdir():
        shutil.copy(file, codex.path / "sessions")
    return codex


def test_the_arithmetic() -> None:
    assert sum(OLD) == 10_460  # the last total of the file
    assert sum(BEFORE_SWITCH + SWITCHED + BACK) == 10_970
    assert 10_970 + sum(FORK) == 12_100  # what a naive reader takes for the fork's


async def test_each_model_has_its_calls(ledger: Ledger, filled: UsageHome) -> None:
    report = await ledger.ingest([filled])
    assert (report.files, report.calls, report.problems) == (3, 20, [])
    totals = {total.key: total for total in await ledger.totals(["model"])}
    assert totals["gpt-5.5",].tokens == used(OLD + BEFORE_SWITCH + BACK + FORK)
    assert totals["gpt-6-luna",].tokens == used(SWITCHED)
    assert totals["gpt-5.5",].calls == 17
    assert totals["gpt-5.5",].derived == len(OLD)


async def test_each_session_has_its_calls(ledger: Ledger, filled: UsageHome) -> None:
    await ledger.ingest([filled])
    totals = {total.key: total.tokens for total in await ledger.totals(["session", "provider"])}
    assert totals == {
        ("01a1fc34-fac6-7ca0-b7f0-95644674ed49", "fake"): used(OLD),
        ("01a1fc32-d3d7-75d2-9f76-e02047fc3fd8", "fake"): used(BEFORE_SWITCH + SWITCHED + BACK),
        ("01a1fc47-3b54-71b0-b8a2-7a3931263443", "fake"): used(FORK),
    }


async def test_each_call_is_found_in_its_line(ledger: Ledger, filled: UsageHome) -> None:
    await ledger.ingest([filled])
    old = Selection(sessions=("01a1fc34-fac6-7ca0-b7f0-95644674ed49",))
    calls = [call for _, call in await ledger.calls(old)]
    assert [call.provenance.line for call in calls] == [14, 18, 21, 24, 41, 50, 60, 63, 73]
    for call in calls:
        data = (filled.path / "sessions" / "codex-0.137.jsonl").read_bytes()
        line = data[call.provenance.offset :].split(b"\n")[0]
        assert b'"token_count"' in line
        assert data.count(b"\n", 0, call.provenance.offset) == call.provenance.line - 1


async def test_all_of_it_again_is_nothing_new(ledger: Ledger, filled: UsageHome) -> None:
    await ledger.ingest([filled])
    before = await ledger.totals(["model", "session", "quarter"])
    shutil.copytree(filled.path / "sessions", filled.path / "archived_sessions")
    report = await ledger.ingest([filled])
    assert (report.files, report.calls) == (3, 0)
    assert await ledger.totals(["model", "session", "quarter"]) == before
    assert (await ledger.ingest([filled])).files == 0
