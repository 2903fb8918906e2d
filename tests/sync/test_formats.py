"""Edits by spans: what is asked for changes, and all else stays byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from agentos.sync.desired import KeyPath
from agentos.sync.formats import language
from agentos.sync.formats.section import find, put, remove
from agentos.sync.formats.toml_markers import BEGIN, END, with_markers, without_markers
from agentos.sync.values import dotted, look_up


def edited(name: str, text: str, path: KeyPath, value: Any, newline: str = "\n") -> str:
    parser = language(name)
    new = parser.set_key(text, path, value, newline)
    assert look_up(parser.read(new), path) == value
    return new


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        ("a=1 # one\n", ("a",), 2, "a=2 # one\n"),
        ("\ta\t=\t1\n", ("a",), 2, "\ta\t=\t2\n"),
        ("a = [ # one\n  1,\n]\nb = 1", ("a",), [2], "a = [2]\nb = 1"),
        ('a = """\n[b]\n"""\n', ("a",), "x", 'a = "x"\n'),
        ("a = '''\n''''' # five\n", ("a",), "x", 'a = "x" # five\n'),
        ("d = 1979-05-27 07:32:00 # when\n", ("d",), True, "d = true # when\n"),
        ("", ("a",), 1, "a = 1\n"),
        ("", ("t", "a"), 1, "[t]\na = 1\n"),
        ("# mine\n\n[t]\n", ("a",), 1, "a = 1\n# mine\n\n[t]\n"),
        ("b = 1\n\n# of t\n[t]\n", ("a",), 1, "b = 1\na = 1\n\n# of t\n[t]\n"),
        ("[t]\nb = 1\n\n# of u\n[u]\n", ("t", "a"), 1, "[t]\nb = 1\na = 1\n\n# of u\n[u]\n"),
        ("[t] # empty\n[u]\n", ("t", "a"), 1, "[t] # empty\na = 1\n[u]\n"),
        ("[t.u]\nb = 1\n", ("t", "a"), 1, "[t.u]\nb = 1\n\n[t]\na = 1\n"),
        ("x = 1", ("t", "u", "a"), 1, "x = 1\n\n[t.u]\na = 1\n"),
        ("t.b = 1\n[z]\n", ("t", "a"), 1, "t.b = 1\nt.a = 1\n[z]\n"),
        ("[s]\nt.u.b = 1\n", ("s", "t", "v", "a"), 1, "[s]\nt.u.b = 1\nt.v.a = 1\n"),
        ("t = { b = 1 } # in\n", ("t", "a"), 2, "t = { b = 1, a = 2 } # in\n"),
        ("t = {}\n", ("t", "u", "a"), 2, "t = { u.a = 2 }\n"),
        ("t = { u = { a = 1, c = 3 } }\n", ("t", "u", "a"), 2, "t = { u = { a = 2, c = 3 } }\n"),
        ('"x y".\'z\' = 1\n', ("x y", "z"), 2, "\"x y\".'z' = 2\n"),
        ("[ 'x y' . z ]\na = 1\n", ("x y", "z", "a"), 2, "[ 'x y' . z ]\na = 2\n"),
        ('"\\u0061" = 1\n', ("a",), 2, '"\\u0061" = 2\n'),
        ("", ("x y", "ü", ""), 1, '["x y"."ü"]\n"" = 1\n'),
        ("[[h]]\nn = 1\n[[h]]\n[t]\n", ("t", "a"), 1, "[[h]]\nn = 1\n[[h]]\n[t]\na = 1\n"),
        ("[[h]]\nn = 1\n# mine\n[h.s]\nn = 2\n[t]\n", ("h",), [], "h = []\n# mine\n[t]\n"),
        ("a = 1\n", ("a", "b"), 2, "[a]\nb = 2\n"),
        ('[t]\ns = "]\\"[x]"\n', ("t", "a"), 1, '[t]\ns = "]\\"[x]"\na = 1\n'),
    ],
)  # fmt: skip
def test_toml_is_set(text: str, path: KeyPath, value: Any, expected: str) -> None:
    assert edited("toml", text, path, value) == expected
    windows = text.replace("\n", "\r\n")
    assert edited("toml", windows, path, value, "\r\n") == expected.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a = 1 # one\nb = 2\n", ("a",), "b = 2\n"),
        ("# of a\na = [\n 1,\n]\nb = 2", ("a",), "# of a\nb = 2"),
        ("x = 1\n\n[t]\na = 1\n", ("t",), "x = 1\n"),
        ("[t]\na = 1\n# mine\n[t.u]\nb = 1\n[v]\n", ("t",), "# mine\n[v]\n"),
        ("t = { a = 1, b = 2, c = 3 }\n", ("t", "a"), "t = { b = 2, c = 3 }\n"),
        ("t = { a = 1, b = 2, c = 3 }\n", ("t", "c"), "t = { a = 1, b = 2 }\n"),
        ("t = { a.x = 1, a.y = 2 }\n", ("t", "a"), "t = {  }\n"),
        ("t.a = 1\nt.b = 2\n", ("t", "a"), "t.b = 2\n"),
        ("[[h]]\nn = 1\n[[h]]\nn = 2\n[t]\n", ("h",), "[t]\n"),
        ("a = 1\n", ("b",), "a = 1\n"),
    ],
)
def test_toml_is_removed(text: str, path: KeyPath, expected: str) -> None:
    assert language("toml").remove_key(text, path) == expected


def test_markers_enclose_what_is_ours_alone() -> None:
    text = "a = 1\nmine = 2\n\n[t]\nb = 1\nmine = 3\n[u]\nc = 1\n"
    ours = {("a",), ("t",), ("t", "b"), ("u",), ("u", "c")}
    marked = with_markers(text, ours, "\n")
    assert marked == (
        f"{BEGIN}\na = 1\n{END}\nmine = 2\n\n{BEGIN}\n[t]\nb = 1\n{END}\nmine = 3\n"
        f"{BEGIN}\n[u]\nc = 1\n{END}\n"
    )
    assert without_markers(marked) == text
    orphaned = f"{END}\n{BEGIN}\n{BEGIN}\n{text}  {END}\n"
    assert without_markers(orphaned) == text
    in_a_text = f'a = """\n{BEGIN}\n"""\n'
    assert without_markers(in_a_text) == in_a_text


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        ("", ("a",), 1, '{\n  "a": 1\n}\n'),
        ("{}", ("a", "b"), 1, '{\n  "a": {\n    "b": 1\n  }\n}'),
        ('{"a":1}', ("a",), [2], '{"a":[\n    2\n  ]}'),
        ('{"a":1}', ("b",), 2, '{"a":1, "b": 2}'),
        ('{\n   "a": 1\n}\n', ("b", "c"), 2, '{\n   "a": 1,\n   "b": {\n      "c": 2\n   }\n}\n'),
        ('{\n\t"a": {}\n}', ("a", "b"), 2, '{\n\t"a": {\n\t\t"b": 2\n\t}\n}'),
        ('{"a" : {"b": "}\\""}}', ("a", "b"), 2, '{"a" : {"b": 2}}'),
        ('{"a": 1}', ("a", "b"), 2, '{"a": {\n    "b": 2\n  }}'),
        ('{"\\u0061": 1}', ("a",), 2, '{"\\u0061": 2}'),
    ],
)  # fmt: skip
def test_json_is_set(text: str, path: KeyPath, value: Any, expected: str) -> None:
    assert edited("json", text, path, value) == expected
    windows = text.replace("\n", "\r\n")
    if text:
        assert edited("json", windows, path, value, "\r\n") == expected.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        ('{\n  "a": 1 // one\n}', ("b",), 2, '{\n  "a": 1, // one\n  "b": 2\n}'),
        ('{\n  "a": 1, // one\n}', ("b",), 2, '{\n  "a": 1, // one\n  "b": 2\n}'),
        ('{\n "a": 1 /* , */ , /* } */\n}', ("b",), 2, '{\n "a": 1 /* , */ , /* } */\n "b": 2\n}'),
        ('{\n  // none\n}', ("b",), 2, '{\n  "b": 2\n  // none\n}'),
        ('{ "a": 1, /* x */ }', ("b",), 2, '{ "a": 1, "b": 2 /* x */ }'),
        ('// only\n', ("b",), 2, '// only\n{\n  "b": 2\n}\n'),
        ('{"a": "// no", "b": 1}', ("b",), 2, '{"a": "// no", "b": 2}'),
    ],
)  # fmt: skip
def test_json_with_comments_is_set(text: str, path: KeyPath, value: Any, expected: str) -> None:
    assert edited("jsonc", text, path, value) == expected


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ('{\n  "a": 1,\n  "b": 2\n}', ("a",), '{\n  "b": 2\n}'),
        ('{\n  "a": 1,\n  "b": 2\n}', ("b",), '{\n  "a": 1\n}'),
        ('{\n  "a": 1\n}', ("a",), "{}"),
        ('{"a": 1, "b": 2, "c": 3}', ("b",), '{"a": 1, "c": 3}'),
        ('{"a": 1, "b": 2}', ("b",), '{"a": 1}'),
        ('{\n  "a": 1, // one\n  "b": 2 // two\n}', ("b",), '{\n  "a": 1 // one\n  // two\n}'),
        ('{\n  "a": 1,\n  // of b\n  "b": 2,\n}', ("b",), '{\n  "a": 1,\n  // of b\n}'),
        ('{"a": {"b": 1}}', ("a", "b", "c"), '{"a": {"b": 1}}'),
        ('{"a": 1}', ("b",), '{"a": 1}'),
    ],
)
def test_json_with_comments_is_removed(text: str, path: KeyPath, expected: str) -> None:
    parser = language("jsonc")
    new = parser.remove_key(text, path)
    parser.read(new)
    assert new == expected


def test_an_orphaned_marker_goes_with_the_next_change() -> None:
    text = "# Mine\n<!-- BEGIN AgentOS: guide (old words) -->\nof mine\n"
    assert find(text, "guide", ["Be nice."]) is None
    whole = put(text, "guide", "Be nice.", None, "\n")
    found = find(whole, "guide", ["Be nice."])
    assert found is not None
    assert found.inner == "Be nice."
    assert remove(whole, found) == "# Mine\nof mine\n"


def test_sections_of_other_names_are_left_alone() -> None:
    text = put("", "one", "first", None, "\n")
    text = put(text, "two", "second", None, "\n")
    found = find(text, "one", [])
    assert found is not None
    assert "second" in remove(text, found)
    assert "first" not in remove(text, found)


def test_keys_are_shown_as_people_type_them() -> None:
    assert dotted(("mcp_servers", "my server", "a.b", "")) == 'mcp_servers."my server"."a.b".""'
