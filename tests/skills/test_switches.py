"""Which skills a client gets, as agentos.toml says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.skills.conftest import Write

from agentos.errors import ConfigInvalid
from agentos.skills.reading import load_skills
from agentos.skills.settings import SkillSettings, load_skill_settings
from agentos.skills.switches import skills_for


@pytest.fixture
def file(home: Path, write: Write) -> Path:
    write("one", "description: x\ngroups: [a, b]\n")
    write("two", "description: x\ngroups: [a]\nclients: [codex, claude]\n")
    write("three", "description: x\n")
    return home / "agentos.toml"


def names(home: Path, client: str) -> str:
    settings = load_skill_settings(home / "agentos.toml")
    return " ".join(skill.name for skill in skills_for(client, load_skills(home), settings))


@pytest.mark.parametrize(
    ("said", "codex", "cursor"),
    [
        ("", "one three two", "one three"),
        ("[skills.enabled]\none = false", "three two", "three"),
        ('[skills.enabled]\n"group:a" = false', "three", "three"),
        ('[skills.enabled]\n"group:a" = false\n"group:b" = true', "three", "three"),
        ('[skills.enabled]\n"group:a" = false\none = true', "one three", "one three"),
        ("[skills.clients.codex]\nthree = false", "one two", "one three"),
        ("[skills.clients.cursor]\ntwo = true", "one three two", "one three"),
        (
            '[skills.enabled]\none = false\n[skills.clients.codex]\n"group:b" = true',
            "one three two",
            "three",
        ),
    ],
)
def test_the_most_particular_word_holds(
    home: Path, file: Path, said: str, codex: str, cursor: str
) -> None:
    file.write_text(said)
    assert (names(home, "codex"), names(home, "cursor")) == (codex, cursor)


def test_tokens_and_the_report(tmp_path: Path) -> None:
    file = tmp_path / "agentos.toml"
    assert load_skill_settings(file) == SkillSettings()
    file.write_text(
        '[skills]\ncommand_log = false\ntokens = { a = "1", b = { default = "2", codex = "3" } }\n'
    )
    settings = load_skill_settings(file)
    assert settings.command_log is False
    assert settings.tokens == {"a": {"default": "1"}, "b": {"default": "2", "codex": "3"}}


@pytest.mark.parametrize(
    ("said", "place", "says"),
    [
        ("[skills]\ncommand-log = true", "2:1", "did you mean command_log?"),
        ("[skills]\ncommand_log = 1", "2:1", "valid boolean"),
        ("[skills.enabled]\none = 1", "2:1", "valid boolean"),
        ("\n[skills.tokens]\nclient = 'x'", "3:1", "AgentOS's own"),
        ("[skills.tokens]\n'a-b' = 'x'", "2:1", "letters, digits and underscores"),
        ("[skills.tokens]\na = 1", "2:1", "a token is a text"),
        ("[skills.tokens]\na = { codex = 1 }", "2:1", "a token is a text"),
        ("[skills]\n[skills]", "2:", "not valid TOML"),
        ("skills = 1", "1:1", "skills"),
    ],
)
def test_mistakes(tmp_path: Path, said: str, place: str, says: str) -> None:
    file = tmp_path / "agentos.toml"
    file.write_text(said)
    with pytest.raises(ConfigInvalid) as caught:
        load_skill_settings(file)
    assert str(caught.value).startswith(f"{file}:{place}")
    assert says in str(caught.value)
