"""A skill that is used is reported to a real hub, with the command that stands in the skill."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hub.lifecycle.conftest import Place
from tests.skills.conftest import TOKENS, Write

from agentos.skills.reading import load_skills
from agentos.skills.rendering import render


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Place]:
    """A hub that runs."""
    place = Place(tmp_path)
    place.up()
    yield place
    assert place.agentos("down").returncode == 0
    place.require_nothing_left()


def test_the_command_in_a_skill_reports_it(home: Path, write: Write, hub: Place) -> None:
    write("ship-it")
    files = render(load_skills(home)[0], "codex", TOKENS)
    text = files["SKILL.md"].content.decode()
    token = (hub.state / "token").read_text().strip()
    assert token not in text
    found = re.search(r"`agentos (log-command [^`]+)`", text)
    assert found
    ran = hub.agentos(*found[1].split(), "--outcome", "failed")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert hub.agentos("down").returncode == 0  # it writes all that it was told
    [line] = hub.agentos("log", "--kind", "command", "--json").stdout.splitlines()
    event = json.loads(line)
    assert (event["name"], event["client"], event["outcome"]) == ("ship-it", "codex", "failed")
    assert token not in str(event)


def test_a_token_that_others_can_read_is_not_used(hub: Place) -> None:
    (hub.state / "token").chmod(0o644)
    ran = hub.agentos("log-command", "ship-it")
    (hub.state / "token").chmod(0o600)
    assert ran.returncode == 1
    assert "can be read by others" in ran.stderr


def test_without_a_hub(tmp_path: Path) -> None:
    ran: subprocess.CompletedProcess[str] = Place(tmp_path).agentos("log-command", "ship-it")
    assert ran.returncode == 1
    assert "no hub runs" in ran.stderr
