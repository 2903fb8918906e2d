"""Edits as old and new text, from a unified diff."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos.sessions.codex.edits import diffs_of, undone

LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "-\n", "+\n", "@@\n", "\n"]), max_size=12)


@given(LINES, LINES, st.integers(0, 3))
def test_taking_a_diff_back_gives_the_old_text(
    old: list[str], new: list[str], context: int
) -> None:
    diff = "".join(difflib.unified_diff(old, new, "a", "b", n=context))
    assert undone("".join(new), diff) == "".join(old)


def test_a_last_line_without_its_end() -> None:
    diff = "@@ -1,2 +1,2 @@\n one\n-two\n\\ No newline at end of file\n+2\n"
    assert undone("one\n2\n", diff) == "one\ntwo"


@pytest.mark.parametrize("odd", ["\x0c", "\x0b", "\x1c", "\x85", "\u2028", "\x0c@@ "])
def test_what_codex_takes_for_no_end_of_a_line(odd: str) -> None:
    diff = f"@@ -1,2 +1,2 @@\n one{odd}more\n-two\n+2\n"
    assert undone(f"one{odd}more\n2\n", diff) == f"one{odd}more\ntwo\n"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_each_end_of_a_line(end: str) -> None:
    diff = f"@@ -2,2 +2,2 @@\n two{end}-three\n+3{end}"
    assert undone(f"one{end}two{end}3{end}", diff) == f"one{end}two{end}three\n"


def test_a_text_that_something_else_has_changed() -> None:
    with pytest.raises(ValueError, match="not what the diff leads to"):
        undone("other\n", "@@ -1 +1 @@\n-one\n+two\n")


async def test_a_change_that_cannot_be_read_back_keeps_its_diff() -> None:
    async def gone(path: str) -> str:
        raise FileNotFoundError(path)

    diff = "@@ -1 +1 @@\n-one\n+two\n"
    (block,) = await diffs_of([{"path": "/a", "kind": {"type": "update"}, "diff": diff}], gone)
    assert (block["oldText"], block["newText"]) == (None, diff)
    assert block["_meta"] == {"kind": "patch"}


async def test_added_deleted_and_moved_files() -> None:
    async def read(path: str) -> str:
        return {"/new": "two\n"}[path]

    moved = {"type": "update", "move_path": "/new"}
    blocks = await diffs_of(
        [
            {"path": "/a", "kind": {"type": "add"}, "diff": "fresh\n"},
            {"path": "/b", "kind": {"type": "delete"}, "diff": "stale\n"},
            {"path": "/old", "kind": moved, "diff": "@@ -1 +1 @@\n-one\n+two\n"},
        ],
        read,
    )
    assert [(b["path"], b["oldText"], b["newText"]) for b in blocks] == [
        ("/a", None, "fresh\n"),
        ("/b", "stale\n", ""),
        ("/new", "one\n", "two\n"),
    ]
