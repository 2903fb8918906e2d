"""What `agentos doctor` says of Codex's own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.doctor.findings import _codex
from agentos.sync.client import Places
from agentos.sync.clients.codex_health import hindrances


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / ".codex").mkdir()
    return Places(tmp_path, tmp_path / ".codex")


@pytest.mark.parametrize("said", ["", "[features]\nmemories = false\n", "features = 1\n"])
def test_nothing_is_said_of_a_codex_as_it_should_be(places: Places, said: str) -> None:
    (places.directory / "config.toml").write_text(said)
    (places.directory / "AGENTS.override.md").write_text(" \n")
    assert list(hindrances(places)) == []


def test_nothing_is_said_without_codex(tmp_path: Path) -> None:
    assert list(hindrances(Places(tmp_path, tmp_path / ".codex"))) == []


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("config.toml", b"[features]\nmemories = true\n", "you pay for"),
        ("config.toml", b"[features\n", "cannot be read"),
        ("config.toml", b"a = '\xff'\n", "cannot be read"),
        ("AGENTS.override.md", b"Only this.\n", "hides AGENTS.md"),
    ],
)
def test_what_does_not_agree_is_said(
    places: Places, file: str, content: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (places.directory / file).write_bytes(content)
    [hindrance] = hindrances(places)
    assert words in hindrance.detail
    monkeypatch.setenv("CODEX_HOME", str(places.directory))
    [finding] = _codex()  # as doctor does it
    assert finding.detail == hindrance.detail
    assert not finding.required
