"""Any number is explained by the lines that it comes from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.usage import codex_lines as lines
from tests.usage.conftest import ROLLOUTS

from agentos.usage.call import Provenance
from agentos.usage.explain import line_at
from agentos.usage.homes import UsageHome
from agentos.usage.ledger import Ledger
from agentos.usage.selection import Selection


async def test_the_files_add_up_to_the_number(ledger: Ledger, codex: UsageHome) -> None:
    for file in ROLLOUTS.iterdir():
        shutil.copy(file, codex.path / "sessions")
    await ledger.ingest([codex])
    for selection in (Selection(), Selection(models=("gpt-6-luna",)), Selection(projects=("x",))):
        [total] = await ledger.totals((), selection)
        explained = await ledger.explain(selection)
        assert explained.tokens == total.tokens
        assert sum(share.calls for share in explained.files) == total.calls
    switched = await ledger.explain(Selection(models=("gpt-6-luna",)))
    [share] = switched.files
    assert share.file.endswith("model-switch-compaction.jsonl")
    assert (share.first_line, share.last_line) == (49, 70)


async def test_the_line_of_a_call_can_be_seen(ledger: Ledger, codex: UsageHome) -> None:
    file = codex.path / "sessions" / "rollout-t.jsonl"
    file.write_bytes(lines.meta("t") + lines.record("one", (1000, 0, 0, 10, 0)))
    await ledger.ingest([codex])
    [(_, call)] = await ledger.calls()
    line = line_at(call.provenance)
    assert line is not None
    assert json.loads(line)["payload"]["response_id"] == "one"
    file.unlink()
    await ledger.ingest([codex])
    assert line_at(call.provenance) is None
    [share] = (await ledger.explain()).files
    assert share.gone
    assert share.tokens.input == 1000


def test_no_file_is_taken_for_the_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gateway").write_text("somebody's\n")
    monkeypatch.chdir(tmp_path)
    assert line_at(Provenance("gateway", 1)) is None


async def test_what_was_not_counted_is_told(ledger: Ledger, codex: UsageHome) -> None:
    file = codex.path / "sessions" / "rollout-t.jsonl"
    file.write_bytes(lines.meta("t") + b"oops\n" + lines.record("one", (1000, 0, 0, 10, 0)))
    await ledger.ingest([codex])
    [problem] = (await ledger.explain()).problems
    assert str(problem).startswith(f"{file}:2: ")
