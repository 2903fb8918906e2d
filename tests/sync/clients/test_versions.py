"""What an installed client says of its version."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.sync.clients import CLIENTS
from agentos.sync.clients.versions import parse_version


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return tmp_path / "client"


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo codex-cli 0.169.0", "0.169.0"),
        ("echo '2.1.316 (Claude Code)'", "2.1.316"),
        ("echo 1.18", "1.18"),
        ("echo no number", None),
        ("echo 1.2.3; exit 1", None),
        ("echo 1.2.3 >&2", None),
    ],
)
def test_the_program_is_asked(program: Path, script: str, version: str | None) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert CLIENTS["codex"].probe(program) == version


def test_a_program_that_does_not_run_has_no_version(program: Path) -> None:
    assert CLIENTS["codex"].probe(program) is None
    program.write_text("no program")
    assert CLIENTS["codex"].probe(program) is None


def test_versions_are_compared_by_their_numbers() -> None:
    old, new = parse_version("0.99.9"), parse_version("0.134")
    assert old is not None
    assert new is not None
    assert old < new
    assert parse_version("alpha") is parse_version(None) is None
