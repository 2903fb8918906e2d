"""Where AgentOS keeps its things, also where nobody says whose home it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentos.config import data_dir, expanded, home_dir, state_dir
from agentos.errors import ConfigInvalid

_DIRECTORIES = ("AGENTOS_HOME", "AGENTOS_STATE_DIR", "AGENTOS_DATA_DIR")


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user whom `/etc/passwd` does not know, without HOME."""

    def unknown(_: object) -> None:
        raise KeyError

    for name in ("HOME", "XDG_DATA_HOME", *_DIRECTORIES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr("pwd.getpwnam", unknown)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_an_error_says_what_to_set() -> None:
    for place in (home_dir, state_dir, data_dir):
        with pytest.raises(ConfigInvalid, match="HOME is not set") as error:
            place()
        assert "AGENTOS_STATE_DIR" in str(error.value.hint)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_the_places_may_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in _DIRECTORIES:
        monkeypatch.setenv(name, str(tmp_path / name))
    assert state_dir() == tmp_path / "AGENTOS_STATE_DIR"


def test_a_home_of_nobody() -> None:
    with pytest.raises(ConfigInvalid, match="home of a user that there is not"):
        expanded("~nobody-of-this-name/x")


_HOMELESS = """
import pwd

def unknown(id):
    raise KeyError(id)

pwd.getpwuid = unknown
from agentos.cli.entry import main
main()
"""


@pytest.mark.parametrize(
    "words", ["status", "usage", "usage statusline", "sync check", "exec -- true", "memory list"]
)
def test_every_command_tells_it_in_a_line(words: str) -> None:
    own = ("HOME", "XDG_DATA_HOME", *_DIRECTORIES)
    ran = subprocess.run(
        [sys.executable, "-c", _HOMELESS, *words.split()],
        env={name: value for name, value in os.environ.items() if name not in own},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 1
    assert f"user {os.getuid()} has no home directory".encode() in ran.stderr
    assert b"Traceback" not in ran.stderr
