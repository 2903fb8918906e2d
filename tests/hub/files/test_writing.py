"""Writing and replacing: what is kept, what is refused, and that it is one step."""

from __future__ import annotations

import base64
import codecs
import os
import stat
from pathlib import Path

import pytest
from tests.hub.files.ground import Ground, leftovers, sha256

from agentos.errors import FileRefused
from agentos.hub.files.files import ConfinedFiles


async def refused(work: object) -> FileRefused:
    """Await what is refused."""
    with pytest.raises(FileRefused) as caught:
        await work  # type: ignore[misc]
    return caught.value


async def test_a_new_file(ground: Ground, files: ConfinedFiles) -> None:
    before = os.umask(0o027)
    try:
        done = await files.write("f", "tëxt\n")
    finally:
        os.umask(before)
    data = "tëxt\n".encode()
    assert (ground.root / "f").read_bytes() == data
    assert (done.sha256, done.size, done.created) == (sha256(data), len(data), True)
    assert done.previous_sha256 is None
    assert stat.S_IMODE((ground.root / "f").stat().st_mode) == 0o640


async def test_what_is_there_is_replaced_by_one_step(ground: Ground, files: ConfinedFiles) -> None:
    path = ground.root / "f"
    path.write_text("old")
    path.chmod(0o4751)
    os.chown(path, 1234, 2345)
    path.chmod(0o4751)
    with path.open() as reader:
        done = await files.write("f", "new")
        assert reader.read() == "old", "who reads it has the old content to the end"
    now = path.stat()
    assert (now.st_uid, now.st_gid, stat.S_IMODE(now.st_mode)) == (1234, 2345, 0o751)
    assert done.previous_sha256 == sha256(b"old")
    assert os.listdir(ground.root) == ["f"]


async def test_conditions(ground: Ground, files: ConfinedFiles) -> None:
    path = ground.root / "f"
    assert (await refused(files.write("f", "x", create=False))).code == "not_found"
    assert (await refused(files.write("f", "x", expected_sha256="0" * 64))).code == "not_found"
    path.write_text("old")
    assert (await refused(files.write("f", "x", overwrite=False))).code == "exists"
    error = await refused(files.write("f", "x", expected_sha256="0" * 64))
    assert error.code == "hash_mismatch"
    assert sha256(b"old") in str(error)
    assert "0" * 64 in str(error)
    assert path.read_text() == "old"
    await files.write("f", "new", expected_sha256=sha256(b"old").upper())
    assert path.read_text() == "new"
    assert (await refused(files.write("d/e/f", "x"))).code == "not_found"
    await files.write("d/e/f", "x", mkdirs=True)
    assert (await refused(files.write("d", "x"))).code == "is_a_directory"
    assert (await refused(files.write(".", "x"))).code == "is_a_directory"
    assert (await refused(files.write("f/g", "x", mkdirs=True))).code == "not_a_directory"
    assert (await refused(files.write("f"))).code == "content_invalid"
    assert (await refused(files.write("f", base64="?"))).code == "content_invalid"
    path.chmod(0o444)
    assert (await refused(files.write("f", "x"))).code == "read_only"
    assert leftovers(ground.root) == []


@pytest.mark.parametrize(
    ("before", "content", "after"),
    [
        (b"a\r\nb\r\n", "c\nd\n", b"c\r\nd\r\n"),
        (b"a\r\nb\r\n", "c\r\nd\n", b"c\r\nd\n"),
        (b"a\nb\n", "c\n", b"c\n"),
        (b"a\nb\n", "c\r\n", b"c\r\n"),
        (codecs.BOM_UTF8 + b"a", "\u00e9", codecs.BOM_UTF8 + b"\xc3\xa9"),
        (codecs.BOM_UTF8 + b"a", "\ufeffb", codecs.BOM_UTF8 + b"b"),
        (
            codecs.BOM_UTF16_BE + "a\r\n".encode("utf-16-be"),
            "b\n",
            codecs.BOM_UTF16_BE + "b\r\n".encode("utf-16-be"),
        ),
        (b"caf\xe9", "th\u00e9", b"th\xe9"),
        (b"\0binary", "text", b"text"),
        (b"", "\u00e9", b"\xc3\xa9"),
    ],
)
async def test_form_is_kept(
    before: bytes, content: str, after: bytes, ground: Ground, files: ConfinedFiles
) -> None:
    (ground.root / "f").write_bytes(before)
    await files.write("f", content)
    assert (ground.root / "f").read_bytes() == after


async def test_what_an_encoding_lacks(ground: Ground, files: ConfinedFiles) -> None:
    (ground.root / "f").write_bytes(b"caf\xe9")
    assert (await refused(files.write("f", "\u2014"))).code == "encoding_error"
    assert (await refused(files.replace("f", "caf", "\u2014"))).code == "encoding_error"
    await files.write("f", "\u2014", encoding="utf-8")
    assert (ground.root / "f").read_bytes() == "\u2014".encode()


async def test_bytes_are_written_as_they_are(ground: Ground, files: ConfinedFiles) -> None:
    (ground.root / "f").write_bytes(b"a\r\n")
    data = bytes(range(256)) + b"\n"
    await files.write("f", base64=base64.b64encode(data).decode())
    assert (ground.root / "f").read_bytes() == data


async def test_replace(ground: Ground, files: ConfinedFiles) -> None:
    path = ground.root / "f"
    path.write_bytes(b"one\r\ntwo\r\nthree\ntwo\n")
    done = await files.replace("f", "one\ntwo", "1\n2")
    assert path.read_bytes() == b"1\r\n2\r\nthree\ntwo\n"
    assert done.lines == [1]
    error = await refused(files.replace("f", "T", "x"))
    assert error.code == "no_match"
    assert "0 times" in str(error)
    path.write_text("x = 1\ny\nx = 1\n")
    error = await refused(files.replace("f", "x = 1", "z"))
    assert error.code == "several_matches"
    assert "2 times" in str(error)
    assert "1, 3" in str(error)
    done = await files.replace("f", "x = 1", "\\1 \\g<0>", all=True)
    assert path.read_text() == "\\1 \\g<0>\ny\n\\1 \\g<0>\n"
    assert done.lines == [1, 3]
    path.write_text("aaa")
    assert (await refused(files.replace("f", "aa", "b"))).code == "several_matches"
    assert (await refused(files.replace("f", "", "b"))).code == "content_invalid"
    assert (await refused(files.replace("g", "a", "b"))).code == "not_found"
    stale = await refused(files.replace("f", "aaa", "b", expected_sha256="f" * 64))
    assert stale.code == "hash_mismatch"
    path.write_bytes(b"\0a")
    assert (await refused(files.replace("f", "a", "b"))).code == "not_text"
    assert leftovers(ground.root) == []


async def test_a_change_meanwhile_is_not_lost(
    ground: Ground, files: ConfinedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ground.root / "f"
    path.write_text("old")
    fsync = os.fsync

    def meanwhile(fd: int) -> None:
        path.write_text("by another")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", meanwhile)
    assert (await refused(files.write("f", "new"))).code == "hash_mismatch"
    assert path.read_text() == "by another"
    path.unlink()
    assert (await refused(files.write("f", "new", overwrite=False))).code == "exists"
    assert path.read_text() == "by another"
    assert leftovers(ground.root) == []


async def test_a_full_disk_leaves_the_old_content(
    ground: Ground, files: ConfinedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ground.root / "f").write_text("old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert (await refused(files.write("f", "new"))).code == "disk_full"
    assert (ground.root / "f").read_text() == "old"
    assert leftovers(ground.root) == []


async def test_a_hard_link_is_never_written_through(ground: Ground, files: ConfinedFiles) -> None:
    os.link(ground.outside / "secret", ground.root / "f")
    for work in (files.write("f", "x"), files.replace("f", "secret", "x"), files.read("f")):
        assert (await refused(work)).code == "hard_linked"
    assert (ground.outside / "secret").read_text() != "x"


def test_no_roots() -> None:
    with pytest.raises(FileRefused, match="AGENTOS_FS_ROOTS"):
        ConfinedFiles([])


def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as caught:
        ConfinedFiles([tmp_path / "none"])
    assert caught.value.code == "not_found"
