"""Scenarios: what they may hold, and what is said about those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos.errors import ConfigInvalid
from agentos.models.rehearsal import (
    McpCall,
    RehearsalModel,
    Scenario,
    Step,
    Usage,
    When,
    load_scenario,
    shipped_scenarios,
)
from agentos.models.rehearsal.responses import pieces

FULL = """\
name: everything
description: Uses every key.
model: gpt-6
prompt: Do it.
title: Doing it
project: files
steps:
  - when: {user: "^Do", output: x, exit_code: 2, request: y}
    think: Hm.
    say: Hello.
    run: ls
    patch: "*** Begin Patch"
    call: {server: s, tool: t, arguments: {n: 1, deep: {list: [a, null]}}}
    wait: 1
    usage: {input: 3, output: 4, cached: 1, reasoning: 2}
  - {status: 429, retry_after: 0.5, times: 2}
  - {break_off: true}
  - {hang: true, say: Wait.}
"""


def write(tmp_path: Path, text: str, name: str = "own.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_reads_every_key(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    assert load_scenario(write(tmp_path, FULL)) == Scenario(
        name="everything",
        description="Uses every key.",
        model="gpt-6",
        prompt="Do it.",
        title="Doing it",
        project=tmp_path / "files",
        steps=[
            Step(
                when=When(user="^Do", output="x", exit_code=2, request="y"),
                think="Hm.",
                say="Hello.",
                run="ls",
                patch="*** Begin Patch",
                call=McpCall("s", "t", {"n": 1, "deep": {"list": ["a", None]}}),
                wait=1.0,
                usage=Usage(3, 4, 1, 2),
            ),
            Step(status=429, retry_after=0.5, times=2),
            Step(break_off=True),
            Step(hang=True, say="Wait."),
        ],
    )


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("", None, "is empty"),
        ("- say: x", 1, "not a mapping"),
        ("name: x", 1, "`steps` is missing"),
        ("steps: []", 1, "no steps"),
        ("steps:\n  say: x", 2, "steps: is not a list"),
        ("steps:\n  - say: x\n    shout: y", 3, "unknown key `shout`"),
        ("steps:\n  - say: x\n    say: y", 3, "`say` is given twice"),
        ("steps:\n  - say: 5", 2, "`5` is not a text"),
        ("steps:\n  - status: four", 2, "`four` is not a whole number"),
        ("steps:\n  - status: true", 2, "`True` is not a whole number"),
        ("steps:\n  - status: 200", 2, "status: 200 is no error"),
        ("steps:\n  - say: x\n    times: 2", 2, "times: belongs to a fault"),
        ("steps:\n  - say: x\n    wait: long", 3, "`long` is not a number of seconds"),
        ("steps:\n  - say: x\n    wait: -1", 2, "wait: is negative"),
        ("steps:\n  - say: x\n    hang: maybe", 3, "`maybe` is not true or false"),
        ("steps:\n  - say: x\n  - when: {user: x}", 3, "a step does nothing"),
        ("steps:\n  - hang: true\n    break_off: true", 2, "a step has two faults"),
        ("steps:\n  - hang: true\n    run: ls", 2, "a fault cannot carry a tool call"),
        ("steps:\n  - say: x\n    when:\n      user: '('", 4, "not a regular expression"),
        ("steps:\n  - call: {server: s}", 2, "`tool` is missing"),
        ("steps:\n  - call: {server: s, tool: t, arguments: [1]}", 2, "is not a mapping"),
        ("steps:\n  - say: x\nproject: nowhere", 3, "there is no directory"),
        ("steps:\n  - say: 'x", 2, "found unexpected end of stream"),
        ("steps:\n  - say: !!python/object:os.system x", 2, "could not determine a constructor"),
        ("steps:\n  - say: 2020-99-99", 2, "month must be in 1..12"),
        ("steps:\n  - \x00", None, "special characters are not allowed"),
    ],
)
def test_says_what_is_wrong_and_where(
    tmp_path: Path, text: str, line: int | None, told: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigInvalid) as caught:
        load_scenario(path)
    assert str(path) in caught.value.message
    assert told in caught.value.message
    if line is not None:
        assert f"{path}:{line}: " in caught.value.message


def test_names_the_keys_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load_scenario(write(tmp_path, "steps:\n  - speak: x"))
    assert "say" in (caught.value.hint or "")


def test_is_not_upset_by_other_encodings(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(b"steps: \xff")
    with pytest.raises(ConfigInvalid, match="not UTF-8"):
        load_scenario(path)


def test_reads_a_python_file(tmp_path: Path) -> None:
    source = "from agentos.models.rehearsal import *\nscenario = Scenario([Step(say='Hi.')])\n"
    path = write(tmp_path, source, "own.py")
    assert load_scenario(path).steps == [Step(say="Hi.")]


@pytest.mark.parametrize(
    ("source", "told"), [("x = 1\n", "defines no scenario"), ("x = 1\ny = (\n", "own.py:2: ")]
)
def test_says_what_is_wrong_with_a_python_file(tmp_path: Path, source: str, told: str) -> None:
    with pytest.raises(ConfigInvalid, match=told):
        load_scenario(write(tmp_path, source, "own.py"))


def test_a_directory_stands_for_its_scenario(tmp_path: Path) -> None:
    write(tmp_path, "steps:\n  - say: Hi.", "scenario.yaml")
    assert load_scenario(tmp_path).steps == [Step(say="Hi.")]


@pytest.mark.parametrize("name", ["nothing", "../scenarios", "fix-failing-test/project", ""])
def test_an_unknown_name_lists_those_that_are_shipped(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigInvalid) as caught:
        load_scenario(name)
    assert "fix-failing-test" in (caught.value.hint or "")


@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_shipped_scenario_is_whole(name: str) -> None:
    scenario = RehearsalModel(name).scenario
    assert scenario.name == name
    assert scenario.description
    assert scenario.prompt
    assert scenario.project is None or any(scenario.project.iterdir())


def test_a_scenario_in_python_is_checked_too() -> None:
    with pytest.raises(ConfigInvalid, match="does nothing"):
        Step(when=When(user="x"))
    with pytest.raises(ConfigInvalid, match="no steps"):
        Scenario([])


@given(st.text())
def test_pieces_make_up_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text
