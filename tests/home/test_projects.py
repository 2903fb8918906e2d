"""The active project, for everybody and for single clients."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentos.errors import ConfigInvalid
from agentos.home.projects import FILE, ActiveProjects, Project, active_project

WEBSITE = Project("website", Path("/website"), ("identity.md",))
BILLING = Project("billing", Path("/billing"))


def projects(state: Path) -> ActiveProjects:
    return ActiveProjects((WEBSITE, BILLING), state)


def test_nothing_is_active_at_first(tmp_path: Path) -> None:
    assert projects(tmp_path).active() is None
    assert not (tmp_path / FILE).exists()


def test_a_choice_is_seen_at_once_by_everybody(tmp_path: Path) -> None:
    hub, command = projects(tmp_path / "new"), projects(tmp_path / "new")
    for project in (WEBSITE, BILLING, WEBSITE):
        command.use(project.name)
        assert hub.active("codex") == project
    command.clear()
    assert hub.active("codex") is None


def test_a_client_can_go_its_own_way(tmp_path: Path) -> None:
    chosen = projects(tmp_path)
    chosen.use("website")
    chosen.use("billing", "codex")
    chosen.use(None, "cursor")
    assert [chosen.active(client) for client in ("", "codex", "cursor")] == [WEBSITE, BILLING, None]
    chosen.clear("codex")
    assert chosen.active("codex") == WEBSITE
    assert active_project((WEBSITE, BILLING), "cursor", tmp_path) is None


def test_an_unknown_project_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        projects(tmp_path).use("elsewhere")
    assert caught.value.code == "project_unknown"
    assert "billing, website" in (caught.value.hint or "")
    with pytest.raises(ConfigInvalid) as caught:
        projects(tmp_path).use("wesbite")
    assert "did you mean website?" in (caught.value.hint or "")
    assert projects(tmp_path).active() is None


def test_a_project_that_is_gone_is_an_error_and_not_the_whole_portfolio(tmp_path: Path) -> None:
    projects(tmp_path).use("billing")
    with pytest.raises(ConfigInvalid, match="billing"):
        ActiveProjects((WEBSITE,), tmp_path).active()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"project": 7, "clients": {}}', '{"project": "a", "clients": 1}', "\0", "["],
)
def test_a_damaged_file_is_named_and_can_be_cleared(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        projects(tmp_path).active()
    assert caught.value.code == "project_file_invalid"
    assert str(tmp_path / FILE) in caught.value.message
    projects(tmp_path).clear()
    assert projects(tmp_path).active() is None


def test_changes_at_once_are_all_kept(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from agentos.home.projects import ActiveProjects
from agentos.home.projects import Project
projects = ActiveProjects([Project("website", Path("/"))], Path(sys.argv[1]))
for number in range(20):
    projects.use("website", f"{sys.argv[2]}-{number}")
"""
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(number)])
        for number in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0] * 4
    assert len(projects(tmp_path).choice().clients) == 80
    assert sorted(os.listdir(tmp_path)) == [FILE, "project.lock"]
    assert json.loads((tmp_path / FILE).read_text())["project"] is None
