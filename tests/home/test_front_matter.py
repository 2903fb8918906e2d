"""Front matter: whatever it says, it is read or refused with its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.errors import ConfigInvalid
from agentos.home.front_matter import key_lines, read_head, split_head, without_keys
from agentos.memories.reading import read_memory
from agentos.skills.reading import read_skill

VALUES = [
    *("x", "'x'", '"x: y"', "[a, b]", "[a, [b]]", "{a: b}", "|\n  a\n  b: c", ">-\n  a", "~", ""),
    *("5", "1.5", "yes", "2026-01-31", "2026-02-31", "2026-01-31T10:00:00+99:99", "0x", "1e999"),
    *("9999-12-31T23:59:59-23:59", "!!int x", "!!int ''", "!!bool x", "!!timestamp x"),
    *("!!binary =", "!!python/object:os.system x", "&a [*a]", "*a", "? x", "- x", "x: y", "@", "`"),
    *(
        "\tx",
        "\x00",
        "\x85",
        "\ufeff",
        "日本",
        "{{client}}",
        "[" * 900,
        "{[a]: b}",
        "<<: 5",
        "!x y",
    ),
]
KEYS = ["name", "description", "type", "written", "groups", "clients", "project", "client", "<<"]
HEADS = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)).map(lambda both: ": ".join(both)),
    max_size=5,
).map("\n".join)
FILES = st.tuples(
    st.sampled_from(["---\n", "---\r\n", "--- \n", "", "\n---\n", "----\n"]),
    HEADS,
    st.sampled_from(["\n---\n", "\n---", "\n", "\n...\n", "\n----\n"]),
    st.sampled_from(["Text.\n", "", "\n\n", "---\n"]),
).map("".join)


@settings(deadline=None)
@given(FILES)
def test_a_file_is_read_or_refused_with_its_place(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    place = tmp_path_factory.mktemp("one")
    (place / "SKILL.md").write_bytes(text.encode())
    memory = place / "one.md"
    memory.write_bytes(text.encode())
    for path, refused in (
        (place / "SKILL.md", refusal(lambda: read_skill(place))),
        (memory, refusal(lambda: read_memory(memory))),
    ):
        found = re.match(rf"{re.escape(str(path))}:([1-9]\d*): ", refused or f"{path}:1: ")
        assert found, refused
        assert int(found[1]) <= text.count("\n") + 1


def refusal(read: Callable[[], object]) -> str | None:
    try:
        read()
    except ConfigInvalid as error:
        return error.message
    return None


@pytest.mark.parametrize("value", VALUES)
def test_every_value_alone(value: str) -> None:
    refused = refusal(lambda: read_head("x.md", f"---\nwritten: {value}\n---\n"))
    assert refused is None or refused.startswith("x.md:")


def test_front_matter_in_one_line() -> None:
    assert read_head("x", "---\n{a: 1, b: 2}\n---\n").values == {"a": 1, "b": 2}
    assert without_keys("{a: 1, b: 2}\n", ["a"]) == "{a: 1, b: 2}\n"


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(VALUES[:8])), max_size=5))
def test_a_key_is_taken_out_and_the_rest_says_what_it_said(pairs: list[tuple[str, str]]) -> None:
    said = dict(pairs)
    block = "".join(f"{key}: {value}\n# a comment\n" for key, value in said.items())
    left = without_keys(block, ["a", "c"])
    expected = yaml.safe_load(block) or {}
    kept = {key: value for key, value in expected.items() if key not in ("a", "c")}
    assert (yaml.safe_load(left) or {}) == kept
    assert [name for _, name in key_lines(left)] == list(kept)


def test_a_file_is_divided() -> None:
    assert split_head("x", "---\na: 1\n---\nb\n") == ("a: 1\n", "b\n")
    head = read_head("x", '---\n"a b": 1\n\nc: 2\n---\n\nText.\n')
    assert (head.line("a b"), head.line("c"), head.line("d"), head.body_line) == (2, 4, 1, 6)


def test_a_head_in_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_memory(tmp_path / "a.md")
