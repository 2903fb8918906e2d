"""The line of each key, whatever form of TOML it is written in."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos.settings.places import Path, Place, Places

EVERY_FORM = '''# a comment with [brackets] and = signs
top = 1

[hub] # port = 9
  port = 3000
"quoted.key" = "a # no comment"
'literal' = 'C:\\path\\'
dotted . inner . deep = true
inline = { a = 1, b = { c = [1, 2] }, d.e = "}" }
many = [
  "one", # ]
  # two = 2

  { x = 1 },
  [3, 4],
]
text = """
[not.a.table]
key = "no key" ""
"""
raw = \'\'\'
[[nor.this]]\'\'\'
after = 1979-05-27 07:32:00

[[repositories]]
path = "a"

[[repositories]]
path = "b"
  [repositories.limits]
  size = 1

  [[repositories.remotes]]
  name = "x"
  [[repositories.remotes]]
  name = "y"

[ a . "b c" ]
z = inf
'''

EXPECTED: dict[Path, tuple[int, int]] = {
    ("top",): (2, 1),
    ("hub",): (4, 2),
    ("hub", "port"): (5, 3),
    ("hub", "quoted.key"): (6, 1),
    ("hub", "literal"): (7, 1),
    ("hub", "dotted", "inner", "deep"): (8, 1),
    ("hub", "inline", "b", "c", 1): (9, 33),
    ("hub", "inline", "d", "e"): (9, 39),
    ("hub", "many", 0): (11, 3),
    ("hub", "many", 1, "x"): (14, 5),
    ("hub", "many", 2, 1): (15, 7),
    ("hub", "text"): (17, 1),
    ("hub", "raw"): (21, 1),
    ("hub", "after"): (23, 1),
    ("repositories", 0): (25, 3),
    ("repositories", 0, "path"): (26, 1),
    ("repositories", 1, "path"): (29, 1),
    ("repositories", 1, "limits", "size"): (31, 3),
    ("repositories", 1, "remotes", 0, "name"): (34, 3),
    ("repositories", 1, "remotes", 1, "name"): (36, 3),
    ("a", "b c", "z"): (39, 1),
}


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_every_form_has_its_place(ends: str) -> None:
    text = EVERY_FORM.replace("\n", ends)
    tomllib.loads(text)
    places = Places(text)
    found = {path: places.of(path) for path in EXPECTED}
    assert found == {path: Place(*place) for path, place in EXPECTED.items()}


def test_what_is_not_there_stands_where_its_parent_does() -> None:
    places = Places("[hub]\nport = 1\n")
    assert places.of(("hub", "prot", 3)) == Place(1, 2)
    assert places.of(("nothing",)) == Place(1, 1)


@pytest.mark.parametrize(
    "value",
    [
        '""',
        "''",
        '""""""',
        "''''''",
        '"""a"""""',
        "'''a''''",
        r'"\""',
        r'"""\""""',
        '"""\\\n  a"""',
    ],
)
def test_strings_end_where_they_end(value: str) -> None:
    text = f"a = {value}\nb = 1\n"
    assert Places(text).of(("b",)).line == text.count("\n")


_SCALARS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.floats(allow_nan=False),
)
_KEYS = st.text("ab. \"'#]é", max_size=4)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab. \"'#]é", max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(_KEYS, _VALUES, max_size=4))
def test_every_path_of_any_document_has_a_place(document: dict[str, object]) -> None:
    import tomlkit

    text = tomlkit.dumps(document)
    places = Places(text)
    for path in _paths(tomllib.loads(text)):
        place = places.of(path)
        last = path[-1]
        line = text.split("\n")[place.line - 1][place.column - 1 :]
        assert path in places._offsets
        if isinstance(last, str) and last.isascii() and last.isalnum():
            assert last in line


def _paths(value: object, path: Path = ()) -> list[Path]:
    pairs: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    return [p for key, each in pairs for p in [(*path, key), *_paths(each, (*path, key))]]
