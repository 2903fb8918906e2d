"""One setting changes, and nothing around it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos.errors import ConfigInvalid
from agentos.settings.document import read_document
from agentos.settings.editing import parse_key, set_value, unset_value, value_of
from agentos.settings.places import Path as Keys

TEXT = """\
# mine
[hub]   # the hub
port = 3000      # usual
  host = '127.0.0.1'

[[repositories]] # first
path = "a"   # here

# a word about models
[models]
default = "openai/x"
[models.aliases]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agentos.toml"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        ("hub.port", "3001", "port = 3000      # usual", "port = 3001      # usual"),
        ("hub.host", "localhost", "'127.0.0.1'", '"localhost"'),
        ("repositories.0.path", "~/b", '"a"   # here', '"~/b"   # here'),
        ("models.default", "azure/y", '"openai/x"', '"azure/y"'),
        ("models.aliases.fast", "a/b", "[models.aliases]\n", '[models.aliases]\nfast = "a/b"\n'),
    ],
)
def test_only_the_value_changes(file: Path, key: str, value: str, before: str, after: str) -> None:
    set_value(file, parse_key(key), value)
    assert file.read_text() == TEXT.replace(before, after)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("fs.roots", '["/srv"]', ["/srv"]),
        ("hub.tls", '{ certificate = "c", key = "k" }', {"certificate": "c", "key": "k"}),
        ('prices."openai/gpt-5.5"', "{ input = 1, output = 2.5 }", {"input": 1, "output": 2.5}),
        ("hub.allowed_hosts", "[]", []),
        ("hub.otlp_endpoint", "true", "true"),
        ("providers.openai.retries", "0", 0),
        ("repositories.0.push_approval", "true", True),
    ],
)
def test_what_was_not_there_is_added_and_told_again(
    file: Path, key: str, value: str, told: object
) -> None:
    set_value(file, parse_key(key), value)
    assert value_of(read_document(file), parse_key(key)) == told
    lines = file.read_text().splitlines()
    assert [line for line in TEXT.splitlines() if line not in lines] == []


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("hub.port", "seven", r"hub\.port: input should be a valid integer"),
        ("hub.prot", "1", "no such setting"),
        ("hub.tls.key", "k", "certificate is missing"),
        ("repositories.5.path", "x", "has 1 elements"),
        ("hub.port.deep", "1", "no table"),
        ("providers.mine.retries", "1", "no base_url"),
    ],
)
def test_what_would_not_be_valid_is_not_set(file: Path, key: str, value: str, message: str) -> None:
    with pytest.raises(ConfigInvalid, match=message):
        set_value(file, parse_key(key), value)
    assert file.read_text() == TEXT
    assert os.listdir(file.parent) == ["agentos.toml"]


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("hub.port", "port = 3000      # usual\n", ""),
        ("hub", "[hub]   # the hub\nport = 3000      # usual\n  host = '127.0.0.1'\n\n", ""),
        ("repositories.0", '[[repositories]] # first\npath = "a"   # here\n', ""),
        ("models.default", 'default = "openai/x"\n', ""),
        ("models.aliases", "[models.aliases]\n", ""),
    ],
)
def test_only_the_value_is_taken_away(file: Path, key: str, before: str, after: str) -> None:
    assert unset_value(file, parse_key(key))
    assert tomllib.loads(file.read_text()) == tomllib.loads(TEXT.replace(before, after))
    assert all(line in TEXT.splitlines() for line in file.read_text().splitlines())
    gone = set(TEXT.splitlines()) - set(file.read_text().splitlines())
    assert gone <= {*before.splitlines(), "# a word about models"}
    there = file.read_bytes()
    assert not unset_value(file, parse_key(key))
    assert file.read_bytes() == there


def test_a_price_without_a_head_of_all_is_taken_away(file: Path) -> None:
    with file.open("a") as text:
        text.write('\n[prices."a/b"]\ninput = 1\noutput = 2\n')
    assert unset_value(file, ("prices", "a/b"))
    assert file.read_text().rstrip("\n") == TEXT.rstrip("\n")


def test_what_is_needed_is_not_taken_away(file: Path) -> None:
    with pytest.raises(ConfigInvalid, match="path is missing"):
        unset_value(file, ("repositories", 0, "path"))
    assert file.read_text() == TEXT


def test_a_mistake_can_be_taken_away(file: Path) -> None:
    file.write_text(TEXT.replace("port", "prot"))
    assert unset_value(file, ("hub", "prot"))
    assert read_document(file).values["hub"] == {"host": "127.0.0.1"}


def test_a_mistake_can_be_set_right(file: Path) -> None:
    file.write_text("[hub]\nport = 'x' # wrong\n")
    set_value(file, parse_key("hub.port"), "1")
    assert file.read_text() == "[hub]\nport = 1 # wrong\n"


def test_line_ends_mode_and_link_stay(file: Path, tmp_path: Path) -> None:
    file.write_bytes(TEXT.replace("\n", "\r\n").encode())
    file.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(file)
    set_value(link, parse_key("fs.roots"), '["/srv"]')
    content = file.read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n")
    assert content.startswith(TEXT.replace("\n", "\r\n").encode()[:-2])
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert link.is_symlink()


def test_each_value_of_the_whole_example_can_be_set_alone(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    text = page.partition("```toml\n")[2].partition("```")[0]
    file = tmp_path / "agentos.toml"
    keys = list(_scalars(tomllib.loads(text), ()))
    assert len(keys) > 50
    for key, value in keys:
        file.write_text(text)
        set_value(file, key, json.dumps(value))
        changed = [
            (old, new)
            for old, new in zip(text.splitlines(), file.read_text().splitlines(), strict=True)
            if old != new
        ]
        assert len(changed) <= 1, (key, changed)
        for old, new in changed:  # only how the value is written: 5_000_000, 'text'
            assert (old.partition("=")[0], old.partition("#")[2]) == (
                new.partition("=")[0],
                new.partition("#")[2],
            )


def _scalars(value: object, path: Keys) -> Iterator[tuple[Keys, object]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _scalars(each, (*path, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _scalars(each, (*path, number))
    else:
        yield path, value


@pytest.mark.parametrize("key", ["", "a b", "a = 1\nb", "a.", "[x]", "a = {b = 0, c"])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(ConfigInvalid):
        parse_key(key)


def agentos(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agentos", "config", *words],
        capture_output=True,
        env={**os.environ, "AGENTOS_HOME": str(home)},
        timeout=60,
        text=True,
        check=False,
    )


def test_the_command(file: Path) -> None:
    home = file.parent
    assert agentos(home, "path").stdout == f"{file}\n"
    assert agentos(home, "get", "hub.port").stdout == "3000\n"
    assert agentos(home, "get", "hub.retention_days").stdout == "30.0\n"
    assert json.loads(agentos(home, "get", "hub", "--json").stdout)["port"] == 3000
    assert agentos(home, "set", "hub.port", "0").returncode == 0
    assert agentos(home, "get", "hub.port").stdout == "0\n"
    unset = agentos(home, "get", "hub.tls")
    assert (unset.returncode, unset.stdout) == (1, "")
    wrong = agentos(home, "get", "hub.prot")
    assert wrong.returncode == 1
    assert "did you mean port?" in wrong.stderr
    assert agentos(home, "unset", "hub.port").returncode == 0
    assert agentos(home, "get", "hub.port").stdout == "3000\n"
    again = agentos(home, "unset", "hub.port")
    assert (again.returncode, again.stderr) == (1, "agentos: hub.port is not set\n")
    assert "did you mean port?" in agentos(home, "unset", "hub.prot").stderr
    negative = agentos(home, "set", "hub.port", "-1")
    assert negative.returncode == 1
    assert f"{file}:4:1: hub.port" in negative.stderr


def test_the_command_without_a_home(tmp_path: Path) -> None:
    ran = agentos(tmp_path / "none", "set", "hub.port", "1")
    assert ran.returncode == 1
    assert "run agentos init" in ran.stderr
    assert agentos(tmp_path / "none", "get", "hub.port").stdout == "3000\n"
