"""A tape on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos.errors import ConfigInvalid
from agentos.models.attribution import Kind
from agentos.models.cassettes.answer import Answer, Ending
from agentos.models.cassettes.normal_form import Rules
from agentos.models.cassettes.tape import Conversation, Interaction, Tape
from agentos.models.cassettes.tape_file import line_of, read_tape, write_tape

_text = st.text(
    st.characters(blacklist_categories=["Cs"]) | st.sampled_from(" \n\r\t\x85\u2028#:-'\"|>😀"),
    max_size=40,
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=12,
)
_body = st.lists(_text) | _text | st.binary() | st.dictionaries(_text, _json)


def tape_of(request: object, body: object, ending: Ending = Ending.COMPLETE) -> Tape:
    said = {"method": "POST", "path": "responses", "body": request}
    answer = Answer(200, {"content-type": "x"}, body, ending)  # type: ignore[arg-type]
    conversation = Conversation(Kind.TURN, "played", [Interaction(said, answer)])
    return Tape("played/m", {"fast": "played/m"}, Rules(("tools",), ("x+",)), [conversation])


@given(request=st.dictionaries(_text, _json), body=_body, ending=st.sampled_from(Ending))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, request: object, body: object, ending: Ending
) -> None:
    path = tmp_path_factory.mktemp("tape") / "tape.yaml"
    written = tape_of(request, body, ending)
    write_tape(path, written)
    read = read_tape(path)
    assert (read.route, read.rules) == (written.route, written.rules)
    assert read.aliases == written.aliases
    (a,), (b,) = read.conversations[0].interactions, written.conversations[0].interactions
    assert (a.request, a.answer) == (b.request, b.answer)


def test_texts_are_readable_and_what_repeats_is_written_once(tmp_path: Path) -> None:
    prompt = {"role": "user", "content": "first line\nsecond line\n" + "long" * 100}
    tape = tape_of({"input": [prompt]}, ["event: a\ndata: {}\n\n"])
    again = {"method": "POST", "path": "responses", "body": {"input": [dict(prompt), "more"]}}
    tape.conversations[0].interactions.append(Interaction(again, Answer(200)))
    write_tape(tmp_path / "tape.yaml", tape)
    text = (tmp_path / "tape.yaml").read_text()
    assert "            first line\n            second line\n" in text
    assert "      - |+\n        event: a\n        data: {}\n" in text
    assert text.count("second line") == 1
    assert read_tape(tmp_path / "tape.yaml").conversations[0].interactions[1].request == again


def test_each_place_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "tape.yaml"
    write_tape(path, tape_of({"input": [{"text": "a\nb\nc\n"}, "d"]}, ""))
    (interaction,) = read_tape(path).conversations[0].interactions
    lines = path.read_text().splitlines()
    found = line_of(interaction.lines, ["body", "input", 0, "text"], 1)
    assert found
    assert lines[found - 1].strip() == "b"
    found = line_of(interaction.lines, ["body", "input", 1])
    assert found
    assert lines[found - 1].strip() == "- d"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no cassette of version 1"),
        ("version: 2\n", "no cassette of version 1"),
        ("version: 1\nconversations: [\n", r"tape\.yaml:3: "),
        (
            "version: 1\nconversations:\n- kind: turn\n  provider: p\n  interactions:\n"
            "  - request: {method: POST, path: responses}\n    response: {status: 200}\n",
            r"tape\.yaml:6: .*a response has one of",
        ),
        ("version: 1\nconversations:\n- kind: turn\n", r"tape\.yaml:3: .*'provider' is missing"),
    ],
)
def test_a_file_that_is_no_cassette_is_told_with_its_line(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "tape.yaml"
    path.write_text(text)
    with pytest.raises(ConfigInvalid, match=told):
        read_tape(path)


def test_a_failed_writing_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tape.yaml"
    write_tape(path, tape_of({}, "old"))
    path.chmod(0o640)
    old = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_tape(path, tape_of({}, "new"))
    assert path.read_bytes() == old
    monkeypatch.undo()
    write_tape(path, tape_of({}, "new"))
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]
