"""Files that cannot be synced: an error that names the file and the line, and nothing changed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.sync.conftest import Place, tree

from agentos.errors import SyncError
from agentos.sync.desired import KeyPath, Owned, OwnedFile, OwnedKeys, OwnedSection, Value

TOML = [
    "a = ", "a", "= 1", "a = 1 b = 2", "a = [1, 2", "a = [1 2]", "a = {b = 1", "a = {b = 1,}",
    "a = 'x", 'a = "x', 'a = "\\q"', 'a = "\\u12"', 'a = "\\ud800"', "a = 01", "a = 1__0",
    "a = 0x", "a = 1.", "a = .5", "a = 1e", "a = tru", "a = True", "a = nul", "a = 2020-13-01",
    "a = 25:00:00", "[a", "[a]]", "[[a]", "[]", "[a.]", "[.a]", "[a] b = 1", "a.b. = 1", "a..b = 1",
    "a b = 1", "'a = 1", "\"a = 1", "a = 1\na = 2", "[a]\n[a]", "a = 1\n[a]", "a.b = 1\na = 2",
    "[[a]]\n[a]", "[a]\n[[a]]", "a = []\n[[a]]", "a = {}\n[a.b]", "a = {b = 1}\na.c = 2",
    "a = 1\na.b = 2", "[a.b]\n[a]\nb = 1", "a = \x01", "a = 'x\x00y'", "# \x07", "a = \"x\ny\"",
    "a = {b = 1, b = 2}", "<<<<<<< HEAD\na = 1\n=======\na = 2\n>>>>>>> theirs", "{ \"a\": 1 }",
    "a: 1", "a = " + "[" * 3000 + "]" * 3000,
]  # fmt: skip
JSON = [
    "{", "}", "[1]", "1", '"a"', "null", '{"a"}', '{"a":}', '{"a" 1}', '{"a": 1 "b": 2}',
    '{"a": 1,}', '{"a": [1,]}', '{"a": [1 2]}', "{'a': 1}", "{a: 1}", '{"a": tru}', '{"a": NaN}',
    '{"a": -Infinity}', '{"a": 01}', '{"a": 1.}', '{"a": .5}', '{"a": +1}', '{"a": 0x1}',
    '{"a": "x}', '{"a": "\\q"}', '{"a": "\\u12"}', '{"a": "x\ny"}', '{"a": "x\ty"}',
    '{"a": 1} {"b": 2}', '{"a": 1}]', '{"a": {"b": 1}', '{"a": 1, "a": 2}',
    '{"a": {"b": 1, "b": 1}}', '{"a": [{"b": 1, "c": {}, "b": 2}]}', '{"a": 1, // no\n"b": 2}',
    '{"a": 1 /* no */}', '# {"a": 1}', "{,}", '{"a"::1}', '{"a": 1;}', "undefined", "a = 1",
    '<<<<<<< HEAD\n{"a": 1}\n=======\n{"a": 2}\n>>>>>>> theirs', '{"a": \x01}',
    '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", '{"a": ' + "1" * 5000 + "}",
]  # fmt: skip
JSONC = [
    "{ // open", "// only\n[", '{"a": 1,,}', '{"a": /* 1', '{"a": 1 /* open }', "[1, // one\n]",
    '{"a": 1, /* x */ "a": 2}', '{"a": 1 // one\n"b": 2}', '{"a": "// text}', '{"a": #1\n}',
    '{"a": 1} // one\n{}', '{"a": NaN} // one', "{a: 1}", '{"a": [1,,2]}',
]  # fmt: skip


def keys(path: Path, language: str) -> OwnedKeys:
    return OwnedKeys(path, language, {("ours",): 1})  # type: ignore[arg-type]


def refused(place: Place, owned: Owned) -> SyncError:
    """Push a part that cannot be, beside one that can, and see that nothing is changed."""
    beside = OwnedFile(place.home / "beside" / "SKILL.md", b"new")
    section = OwnedSection(place.home / "beside.md", "guide", "new")
    place.write("beside.md", "# Mine\n")
    before, state = tree(place.home), place.sync.state
    with pytest.raises(SyncError) as caught:
        place.push(beside, owned, section)
    assert tree(place.home) == before
    assert place.sync.state == state
    assert str(owned.path) in caught.value.message
    assert caught.value.path == str(owned.path)
    return caught.value


@pytest.mark.parametrize(
    "before", ["", "# one\n# two\n", "# one\r\n"], ids=["top", "below", "crlf"]
)
@pytest.mark.parametrize("text", TOML, ids=range(len(TOML)))
def test_toml_that_is_none(place: Place, text: str, before: str) -> None:
    path = place.write("config.toml", before + text)
    _names_a_line(refused(place, keys(path, "toml")), before, text)


@pytest.mark.parametrize("before", ["", "\n\n", "\r\n"], ids=["top", "below", "crlf"])
@pytest.mark.parametrize("text", JSON, ids=range(len(JSON)))
def test_json_that_is_none(place: Place, text: str, before: str) -> None:
    path = place.write("settings.json", before + text)
    _names_a_line(refused(place, keys(path, "json")), before, text)


@pytest.mark.parametrize("text", JSONC, ids=range(len(JSONC)))
def test_json_with_comments_that_is_none(place: Place, text: str) -> None:
    path = place.write("settings.jsonc", f"// one\n{text}")
    _names_a_line(refused(place, keys(path, "jsonc")), "// one\n", text)


def _names_a_line(error: SyncError, before: str, text: str) -> None:
    assert error.code == "malformed"
    assert error.line is not None
    assert f"{error.path}:{error.line}: " in error.message
    whole = (
        "too deeply" in error.message or "Exceeds" in error.message or "no object" in error.message
    )
    first = 1 if whole else before.count("\n") + 1
    assert first <= error.line <= (before + text).count("\n") + 1


@pytest.mark.parametrize(
    ("language", "text", "line"),
    [
        ("toml", "a = 1\nb = 2\n\na = 3\n", 4),
        ("toml", 'a = """\n\n"""\nb = [\n', 5),
        ("json", '{\n  "a": 1,\n  "b": {"a": 1},\n  "a": 2\n}', 4),
        ("json", '{"b": [\n{"a": 1,\n "a": 2}]}', 3),
        ("json", '{\n"NaN": 1,\n"a": NaN}', 3),
        ("jsonc", '// one\n{\n  "a": 1, // two\n  "b" 2\n}', 4),
        ("jsonc", '/* \n\n */ {"a": 1,\n\n"a": 2,}', 5),
    ],
)
def test_the_very_line_is_named(place: Place, language: str, text: str, line: int) -> None:
    path = place.write("config", text)
    assert refused(place, keys(path, language)).line == line


@pytest.mark.parametrize(
    ("language", "values"),
    [
        ("toml", {("a",): None}),
        ("toml", {("a",): [{"b": None}]}),
        ("toml", {("a",): "\ud800"}),
        ("toml", {("a",): 1, ("a", "b"): 2}),
        ("json", {("a",): {}, ("a", "b", "c"): 2}),
    ],
)
def test_values_that_cannot_be_written(
    place: Place, language: str, values: dict[KeyPath, Value]
) -> None:
    path = place.write("config", "")
    error = refused(place, OwnedKeys(path, language, values))  # type: ignore[arg-type]
    assert error.code == "not_editable"


def test_half_a_character_in_json_is_escaped(place: Place) -> None:
    path = place.write("settings.json", "{}")
    owned = OwnedKeys(path, "json", {("a", "\udc00"): ["\ud800", "é"]})
    place.push(owned)
    assert path.read_bytes().isascii()
    assert place.plan(owned).in_sync


ENCODED = {
    "latin-1": "# caf\u00e9\n".encode("latin-1"),
    "utf-8-cut": b"# one\n# \xe2\x82",
    "utf-16-without-mark": "# one\n".encode("utf-16-le"),
    "utf-16-cut": "# one\n".encode("utf-16")[:-1],
    "utf-32": "# one\n".encode("utf-32"),
    "binary": bytes(range(256)),
    "surrogate": b"# \xed\xa0\x80",
}


@pytest.mark.parametrize("kind", ["toml", "json", "jsonc", "section"])
@pytest.mark.parametrize("encoding", ENCODED)
def test_bytes_that_are_no_text(place: Place, encoding: str, kind: str) -> None:
    path = place.write("file", ENCODED[encoding])
    error = refused(place, _part(path, kind))
    assert error.code == "malformed"
    assert error.line == (2 if encoding in ("utf-8-cut",) else error.line)


KINDS = ["toml", "json", "jsonc", "section", "whole"]


def _part(path: Path, kind: str) -> Owned:
    if kind == "section":
        return OwnedSection(path, "guide", "new")
    return OwnedFile(path, b"new") if kind == "whole" else keys(path, kind)


def _directory(path: Path) -> None:
    (path / "inside").mkdir(parents=True)


def _below_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("in the way")


def _socket(path: Path) -> None:
    here = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(65 * 1024 * 1024)


OBSTACLES: dict[str, tuple[Callable[[Path], None], str]] = {
    "directory": (_directory, "is_directory"),
    "link-to-directory": (lambda path: path.symlink_to("/"), "is_directory"),
    "dangling-link": (lambda path: path.symlink_to("nowhere"), "dangling_link"),
    "link-to-itself": (lambda path: path.symlink_to(path.name), "symlink_loop"),
    "below-a-file": (_below_a_file, "not_a_directory"),
    "pipe": (os.mkfifo, "not_a_file"),
    "socket": (_socket, "not_a_file"),
    "device": (lambda path: path.symlink_to("/dev/null"), "not_a_file"),
    "huge": (_huge, "too_large"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_what_is_no_file_to_write(place: Place, obstacle: str, kind: str) -> None:
    path = place.home / "client" / "file"
    path.parent.mkdir()
    make, code = OBSTACLES[obstacle]
    make(path)
    assert refused(place, _part(path, kind)).code == code


@pytest.mark.parametrize("kind", KINDS)
def test_links_that_lead_in_a_circle(place: Place, kind: str) -> None:
    (place.home / "one").symlink_to("two")
    (place.home / "two").symlink_to("one")
    assert refused(place, _part(place.home / "one" / "file", kind)).code == "symlink_loop"


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_that_is_too_long(place: Place, kind: str) -> None:
    assert refused(place, _part(place.home / ("n" * 300), kind)).code == "name_too_long"


@pytest.mark.parametrize(
    ("kind", "there"), [*((kind, b"") for kind in KINDS[:-1]), *((kind, None) for kind in KINDS)]
)
def test_a_directory_that_must_not_be_written(place: Place, kind: str, there: bytes | None) -> None:
    closed = place.home / "closed"
    closed.mkdir()
    if there is not None:
        (closed / "file").write_bytes(there)
    closed.chmod(0o555)
    place.write("beside.md", "# Mine\n")
    before = tree(place.home)
    said = _push_without_power(place, kind, closed / "file")
    assert f"not_permitted {closed / 'file'}" in said
    assert tree(place.home) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_must_not_be_read(place: Place, kind: str) -> None:
    path = place.write("file", "", mode=0)
    if os.geteuid() == 0:
        os.chown(path, 65533, 65533)
    before = place.home.joinpath("file").lstat()
    assert f"not_permitted {path}" in _push_without_power(place, kind, path)
    assert path.lstat() == before


PUSHING = """
import sys
from pathlib import Path
from agentos.errors import SyncError
from agentos.sync.desired import Desired, OwnedSection
from agentos.sync.run import Sync
from agentos.sync.store import Store
from tests.sync.test_malformed import _part

state, path, kind, beside = sys.argv[1:]
part = _part(Path(path), kind)
desired = Desired("codex", (OwnedSection(Path(beside), "guide", "new"), part))
sync = Sync(Store(Path(state)))
with sync.alone("push"):
    try:
        sync.apply(sync.plan([desired]))
    except SyncError as error:
        print(error.code, error.message)
"""


def _push_without_power(place: Place, kind: str, path: Path) -> str:
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    return _pushed(place, kind, path, *powerless)


def _pushed(place: Place, kind: str, path: Path, *before: str) -> str:
    state, beside = place.sync.store.directory, place.home / "beside.md"
    ran = subprocess.run(
        [*before, sys.executable, "-c", PUSHING, str(state), str(path), kind, str(beside)],
        capture_output=True,
        cwd=Path(__file__).parents[2],
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stderr == ""
    return ran.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("options", "code"), [("ro", "read_only"), ("size=4k", "disk_full")])
def test_a_disk_that_is_full_or_read_only(place: Place, kind: str, options: str, code: str) -> None:
    disk = place.home / "disk"
    disk.mkdir()
    place.write("beside.md", "# Mine\n")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=True)
    try:
        if code == "disk_full":
            (disk / "full").write_bytes(b"x" * 4096)
        before = tree(place.home)
        said = _pushed(place, kind, disk / "file")
        assert said.startswith(f"{code} {disk / 'file'}")
        assert tree(place.home) == before
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_owned_as_a_whole_and_again(place: Place, kind: str) -> None:
    path = place.home / "file"
    before = tree(place.home)
    with pytest.raises(SyncError, match="a second time") as caught:
        place.push(OwnedFile(path, b"one"), _part(path, kind))
    assert caught.value.code == "owned_twice"
    assert tree(place.home) == before


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"version": 1}', b'{"version": 1, "last": 0, "records": []}'],
)
def test_a_memory_that_cannot_be_read_is_not_overwritten(place: Place, content: bytes) -> None:
    place.push()
    store = place.sync.store.directory
    (store / "state.json").write_bytes(content)
    with pytest.raises(SyncError, match=str(store / "state.json")) as caught:
        place.push(OwnedFile(place.home / "file", b"one"))
    assert caught.value.code == "state_unreadable"
    assert tree(place.home) == {}
    assert (store / "state.json").read_bytes() == content


def test_a_journal_that_cannot_be_read_stops_everything(place: Place) -> None:
    place.push(OwnedFile(place.home / "file", b"one"))
    (place.sync.store.directory / "pending.json").write_bytes(b"{")
    for action in (place.push, place.undo, lambda: place.plan()):
        with pytest.raises(SyncError, match="journal of a sync") as caught:
            action()
        assert caught.value.code == "journal_unreadable"
    assert (place.home / "file").read_bytes() == b"one"


def test_a_memory_of_a_later_version_is_left_alone(place: Place) -> None:
    place.push(OwnedFile(place.home / "file", b"one"))
    path = place.sync.store.directory / "state.json"
    path.write_text(path.read_text().replace('"version":1', '"version":99'))
    with pytest.raises(SyncError, match="later version") as caught:
        place.push()
    assert caught.value.code == "state_too_new"
    assert (place.home / "file").exists()


ENCODINGS = {"utf-8": "utf-8", "utf-8-bom": "utf-8-sig", "utf-16": "utf-16"}
TEXTS = {"toml": "# café\na = 1\n", "json": '{\n  "a": "café"\n}\n', "section": "# Café\n"}


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", TEXTS)
def test_encodings_and_line_endings_stay(
    place: Place, kind: str, encoding: str, newline: str
) -> None:
    text = TEXTS[kind].replace("\n", newline)
    path = place.write("file", text.encode(ENCODINGS[encoding]))
    mark = path.read_bytes()[:2]
    place.push(_part(path, kind))
    written = path.read_bytes().decode(ENCODINGS[encoding])
    assert path.read_bytes()[:2] == mark
    assert "caf\u00e9" in written.lower()
    assert "ours" in written or "new" in written
    assert written.count("\n") == written.count(newline)
    place.push()
    assert "ours" not in path.read_bytes().decode(ENCODINGS[encoding])
