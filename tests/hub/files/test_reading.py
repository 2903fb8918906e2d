"""Reading a file: ranges, encodings, bounds."""

from __future__ import annotations

import base64
import codecs
import os
from pathlib import Path

import pytest
from tests.hub.files.ground import Ground, sha256

from agentos.errors import FileRefused
from agentos.hub.files.files import ConfinedFiles
from agentos.hub.files.reading import LARGEST_HASHED, LARGEST_TEXT


@pytest.mark.parametrize(
    ("data", "text", "encoding", "bom"),
    [
        ("żółć\n".encode(), "żółć\n", "utf-8", False),
        (codecs.BOM_UTF8 + b"a\n", "a\n", "utf-8", True),
        (codecs.BOM_UTF16_LE + "é\n".encode("utf-16-le"), "é\n", "utf-16-le", True),
        (codecs.BOM_UTF16_BE + "é\n".encode("utf-16-be"), "é\n", "utf-16-be", True),
        (codecs.BOM_UTF32_LE + "é\n".encode("utf-32-le"), "é\n", "utf-32-le", True),
        (b"caf\xe9\n", "café\n", "latin-1", False),
        (b"", "", "utf-8", False),
        (b"no end", "no end", "utf-8", False),
        (b"a\r\nb\r\n", "a\r\nb\r\n", "utf-8", False),
    ],
)
async def test_text(
    data: bytes, text: str, encoding: str, bom: bool, ground: Ground, files: ConfinedFiles
) -> None:
    (ground.root / "f").write_bytes(data)
    found = await files.read("f")
    assert (found.text, found.encoding, found.bom) == (text, encoding, bom)
    assert (found.size, found.sha256, found.truncated) == (len(data), sha256(data), False)


@pytest.mark.parametrize("data", [b"\0", b"a\0b", bytes(range(256)), b"\xff\xfe\x00\xd8"])
async def test_binary(data: bytes, ground: Ground, files: ConfinedFiles) -> None:
    (ground.root / "f").write_bytes(data)
    found = await files.read("f")
    assert found.text is None
    assert base64.b64decode(found.base64 or "") == data


async def test_lines(ground: Ground, files: ConfinedFiles) -> None:
    (ground.root / "f").write_text("1\n2\n3\n4\n5")
    found = await files.read("f", start_line=2, end_line=3)
    assert (found.text, found.start_line, found.end_line, found.lines) == ("2\n3\n", 2, 3, 5)
    assert (await files.read("f", start_line=5)).text == "5"
    assert (await files.read("f", end_line=99)).end_line == 5
    assert found.sha256 == sha256(b"1\n2\n3\n4\n5")
    for start, end in ((0, 1), (3, 2), (6, 7), (-1, None)):
        with pytest.raises(FileRefused) as caught:
            await files.read("f", start_line=start, end_line=end)
        assert caught.value.code == "range_invalid"


async def test_bytes(ground: Ground, files: ConfinedFiles) -> None:
    data = "aéb".encode()
    (ground.root / "f").write_bytes(data)
    assert (await files.read("f", offset=1, length=2)).text == "é"
    assert base64.b64decode((await files.read("f", offset=2)).base64 or "") == data[2:]
    assert (await files.read("f", offset=100)).text == ""
    for options in ({"offset": -1}, {"length": -1}, {"offset": 0, "start_line": 1}):
        with pytest.raises(FileRefused):
            await files.read("f", **options)  # type: ignore[arg-type]


async def test_what_is_cut_can_be_read_on(ground: Ground, files: ConfinedFiles) -> None:
    text = "".join(f"line {n}\n" for n in range(1000))
    (ground.root / "f").write_text(text)
    pieces, start = [], 1
    while True:
        found = await files.read("f", start_line=start, max_bytes=700)
        assert found.text is not None
        assert len(found.text) <= 700
        pieces.append(found.text)
        if not found.truncated:
            break
        assert found.end_line is not None
        start = found.end_line + 1
    assert "".join(pieces) == text
    (ground.root / "long").write_text("x" * 5000)
    assert (await files.read("long", max_bytes=700)).truncated


async def test_an_encoding_that_is_asked_for(ground: Ground, files: ConfinedFiles) -> None:
    (ground.root / "f").write_bytes("жук".encode("koi8-r"))
    assert (await files.read("f", encoding="koi8-r")).text == "жук"
    for encoding in ("utf-8", "no-such", "hex", "zlib", "a\0b"):
        with pytest.raises(FileRefused) as caught:
            await files.read("f", encoding=encoding)
        assert caught.value.code == "encoding_error"


async def test_large_files(ground: Ground, files: ConfinedFiles) -> None:
    path = ground.root / "f"
    with path.open("wb") as file:
        file.truncate(LARGEST_TEXT + 1)
        os.pwrite(file.fileno(), b"end", LARGEST_TEXT - 2)
    with pytest.raises(FileRefused, match="offset"):
        await files.read("f")
    found = await files.read("f", offset=LARGEST_TEXT - 2)
    assert base64.b64decode(found.base64 or "") == b"end"
    assert found.sha256 is not None
    os.truncate(path, LARGEST_HASHED + 1)
    assert (await files.read("f", offset=0, length=1)).sha256 is None


async def test_what_the_system_denies(ground: Ground, files: ConfinedFiles) -> None:
    assert (await _code(files, "nope")) == "not_found"
    (ground.root / "d").mkdir()
    assert (await _code(files, "d")) == "is_a_directory"
    (ground.root / "f").write_text("")
    assert (await _code(files, "f/x")) == "not_a_directory"


async def _code(files: ConfinedFiles, path: str) -> str:
    with pytest.raises(FileRefused) as caught:
        await files.read(path)
    return caught.value.code


async def test_listing(ground: Ground, files: ConfinedFiles) -> None:
    for name in ("b/c/d.py", "b/e.txt", "a.py", ".hidden/x", "b-c"):
        place = ground.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("12345")
    (ground.root / "link").symlink_to("b")
    os.utime(ground.root / "a.py", (0, 1_000_000_000))
    flat = await files.list()
    assert [(e.path, e.type) for e in flat.entries] == [
        ("a.py", "file"),
        ("b", "directory"),
        ("b-c", "file"),
        ("link", "symlink"),
    ]
    assert flat.entries[0].size == 5
    assert flat.entries[0].modified.timestamp() == 1_000_000_000
    assert flat.roots == [str(ground.root)]
    deep = await files.list(recursive=True, glob="*.py")
    assert [e.path for e in deep.entries] == ["a.py", "b/c/d.py"]
    assert len((await files.list(depth=2)).entries) == 6
    assert [e.path for e in (await files.list("b")).entries] == ["b/c", "b/e.txt"]
    assert ".hidden/x" in [e.path for e in (await files.list(recursive=True, hidden=True)).entries]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("path", [".", "b"])
async def test_pages(limit: int, path: str, ground: Ground, files: ConfinedFiles) -> None:
    for name in ("b/c/d", "b/c/e", "b/c-d", "b/c.x", "b/z", "a", "bb/x", "b.d"):
        place = ground.root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("")
    whole = (await files.list(path, recursive=True)).entries
    pages, cursor = [], None
    while True:
        page = await files.list(path, recursive=True, limit=limit, cursor=cursor)
        assert len(page.entries) <= limit
        pages += page.entries
        cursor = page.cursor
        if cursor is None:
            break
    assert pages == whole


async def test_names_that_are_not_utf8(ground: Ground, files: ConfinedFiles) -> None:
    Path(os.fsdecode(os.fsencode(ground.root) + b"/caf\xe9")).write_text("needle")
    listed = await files.list()
    assert [e.path for e in listed.entries] == ["caf\ufffd"]
    listed.model_dump_json()
    for ripgrep in (True, False):
        found = await files.search("needle", ripgrep=ripgrep)
        assert [file.path for file in found.files] == ["caf\ufffd"]
