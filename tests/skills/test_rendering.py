"""A skill as a client gets it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.skills.conftest import TOKENS, Write

from agentos.errors import ConfigInvalid
from agentos.skills.reading import load_skills
from agentos.skills.rendering import render
from agentos.skills.settings import SkillSettings
from agentos.skills.tokens import client_tokens, escaped, expand, unknown_tokens

TEXTS = st.text(st.sampled_from("{}\\ax_ \n"), max_size=40)


def test_tokens_are_what_they_are_for_the_client(home: Path, write: Write) -> None:
    write("one", body="{{client}} {{team}} {{shell}} {{skills_dir}} {{hub_url}} \\{{client}}\n")
    settings = SkillSettings(
        tokens={"team": {"default": "blue"}, "shell": {"default": "sh", "codex": "bash"}}
    )
    [skill] = load_skills(home)

    def body(client: str) -> str:
        tokens = client_tokens(settings, client, skills_dir=f"~/{client}", hub_url="http://hub")
        text = render(skill, client, tokens, report=False)["SKILL.md"].content.decode()
        return text.splitlines()[-1]

    assert body("codex") == "codex blue bash ~/codex http://hub {{client}}"
    assert body("claude") == "claude blue sh ~/claude http://hub {{client}}"


def test_a_token_that_stands_for_nothing(home: Path, write: Write) -> None:
    place = write("one", body="a\n\n{{skils_dir}}\n")
    with pytest.raises(ConfigInvalid) as caught:
        render(load_skills(home)[0], "codex", TOKENS)
    assert caught.value.message == f"{place}/SKILL.md:8: there is no token {{{{skils_dir}}}}"
    assert "did you mean skills_dir?" in str(caught.value)
    (place / "SKILL.md").write_text("---\ndescription: Things.\n---\nText.\n")
    (place / "more.md").write_text("\n{{nothing}}\n")
    with pytest.raises(ConfigInvalid, match=r"more\.md:2: there is no token"):
        render(load_skills(home)[0], "codex", TOKENS)


def test_a_token_for_other_clients_alone_is_none(home: Path, write: Write) -> None:
    write("one", body="{{shell}}\n")
    settings = SkillSettings(tokens={"shell": {"codex": "bash"}})
    tokens = client_tokens(settings, "claude", skills_dir="", hub_url="")
    with pytest.raises(ConfigInvalid, match="there is no token"):
        render(load_skills(home)[0], "claude", tokens)


def test_further_files(home: Path, write: Write) -> None:
    place = write("one")
    (place / "scripts").mkdir()
    (place / "scripts/run.sh").write_text("echo {{client}} {{name}} ${{ github.ref }}\n")
    (place / "scripts/run.sh").chmod(0o750)
    (place / "data.bin").write_bytes(b"\0{{client}}")
    (place / "latin.txt").write_bytes(b"\xe4{{client}}")
    files = render(load_skills(home)[0], "codex", TOKENS)
    assert set(files) == {"SKILL.md", "scripts/run.sh", "data.bin", "latin.txt"}
    assert files["scripts/run.sh"].content == b"echo codex {{name}} ${{ github.ref }}\n"
    assert files["scripts/run.sh"].mode == 0o755
    assert files["data.bin"].content == b"\0{{client}}"
    assert files["latin.txt"].content == b"\xe4{{client}}"
    assert files["SKILL.md"].mode == files["data.bin"].mode == 0o644


def test_what_only_agentos_reads_is_left_out(home: Path, write: Write) -> None:
    head = "name: one\ngroups:\n  - a\n  - b\n# a comment\ndescription: >\n  Things\n"
    write("one", head + "clients: [codex]\nlicense: MIT\n")
    text = render(load_skills(home)[0], "codex", TOKENS)["SKILL.md"].content.decode()
    block = text.split("---\n")[1]
    assert yaml.safe_load(block) == {"name": "one", "description": "Things\n", "license": "MIT"}


def test_the_report_names_the_skill_and_no_secret(home: Path, write: Write) -> None:
    write("one")
    [skill] = load_skills(home)
    text = render(skill, "codex", TOKENS)["SKILL.md"].content.decode()
    assert '`{"command": "one"}`' in text
    assert "`agentos log-command one --client codex`" in text
    assert text.endswith("\n\n# Do it\n\nSteps.\n")
    assert "earer" not in text
    without = render(skill, "codex", TOKENS, report=False)["SKILL.md"].content.decode()
    assert "log-command" not in without
    assert without == skill.text


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_deployed_skill_that_is_taken_back_has_one_report(
    home: Path, write: Write, newline: str
) -> None:
    write("one")
    [skill] = load_skills(home)
    skill = replace(skill, text=skill.text.replace("\n", newline))
    once = render(skill, "codex", TOKENS)["SKILL.md"].content.decode()
    assert once.count("\n") == once.count(newline)
    again = render(replace(skill, text=once), "claude", TOKENS)["SKILL.md"].content.decode()
    assert again.count("log-command") == 1
    assert again == render(skill, "claude", TOKENS)["SKILL.md"].content.decode()


@settings(deadline=None)
@given(TEXTS)
def test_an_escaped_text_expands_to_itself(text: str) -> None:
    assert expand(escaped(text), {"a": "1", "x": "2"}) == text


@settings(deadline=None)
@given(TEXTS)
def test_a_text_has_unknown_tokens_or_expands(text: str) -> None:
    tokens = {"a": "1"}
    unknown = list(unknown_tokens(text, tokens))
    if unknown:
        with pytest.raises(KeyError):
            expand(text, tokens)
    else:
        assert expand(text, tokens) == expand(text, tokens, keep_unknown=True)
    assert all(f"{{{{{each.name}}}}}" in text.split("\n")[each.line - 1] for each in unknown)
