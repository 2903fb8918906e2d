"""The homes that sessions left, while sessions come and go."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos.usage.session_homes import homes_left


def test_a_session_that_is_removed_meanwhile_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path))
    place = tmp_path / "sessions"
    for id in ("one", "two"):
        (place / id / "home/agentos/.codex").mkdir(parents=True)
    listed = Path.iterdir

    def removing(path: Path) -> Iterator[Path]:
        if path == place / "one":
            shutil.rmtree(path)
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", removing)
    found = homes_left([("one", "codex", "{}"), ("two", "codex", '{"profile": "planner"}')])
    assert [(home.session, home.profile, home.path) for home in found] == [
        ("two", "planner", place / "two/home/agentos/.codex")
    ]
