"""A portfolio of a few pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.portfolio import Portfolio

IDENTITY = """\
---
updated: 2026-01-31
stability: stable
scope: who I am
---

# Ada

Writes programs for the analytical
engine. See [projects](current-projects.md#the-engine).
"""
PROJECTS = """\
---
updated: 2020-02-29
stability: evolving
scope: 'what is going on: now'
tags: [a, b]
---
# Current projects

## The engine

Computes Bernoulli numbers.
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An AgentOS home with two pages."""
    pages = tmp_path / "home" / "context-portfolio"
    pages.mkdir(parents=True)
    (pages / "identity.md").write_text(IDENTITY)
    (pages / "current-projects.md").write_text(PROJECTS)
    (pages / "notes.txt").write_text("no page")
    (pages / ".hidden.md").write_text("no page")
    return tmp_path / "home"


@pytest.fixture
def pages(home: Path) -> Path:
    """Where its pages are."""
    return home / "context-portfolio"


@pytest.fixture
def portfolio(home: Path, tmp_path: Path) -> Portfolio:
    """What reads them."""
    return Portfolio(home, state=tmp_path / "state")
