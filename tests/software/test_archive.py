from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path
from threading import Event

import pytest

from agentos.errors import SoftwareError
from agentos.software.archive import Stopped, checksum, unpack


def tar_with(path: Path, *entries: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO(b"x" * entry.size))
    return path


def tar_entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    entry.size = 1 if kind == tarfile.REGTYPE else 0
    return entry


def zip_with(path: Path, name: str, mode: int = 0o100644) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        archive.writestr(entry, "../../etc/passwd")
    return path


@pytest.mark.parametrize(
    "entry",
    [
        tar_entry("../escaped"),
        tar_entry("p/../../escaped"),
        tar_entry("/escaped"),
        tar_entry("p/link", tarfile.SYMTYPE, "/etc"),
        tar_entry("p/link", tarfile.SYMTYPE, "../../.."),
        tar_entry("p/hard", tarfile.LNKTYPE, "../../escaped"),
        tar_entry("p/device", tarfile.CHRTYPE),
        tar_entry("p/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda entry: f"{entry.name}->{entry.linkname}",
)
def test_a_tar_that_reaches_outside_is_refused(tmp_path: Path, entry: tarfile.TarInfo) -> None:
    archive = tar_with(tmp_path / "a.tgz", tar_entry("p/fine"), entry)
    root = tmp_path / "deep" / "root"
    root.mkdir(parents=True)
    with pytest.raises(SoftwareError) as caught:
        unpack(archive, root, {"p/": ""}, Event())
    assert caught.value.code == "archive_unsafe"
    assert [path.name for path in tmp_path.rglob("*")].count("escaped") == 0
    assert sorted(os.listdir(root)) in ([], ["fine"])


@pytest.mark.parametrize(
    ("name", "mode"), [("../escaped", 0o100644), ("/escaped", 0o100644), ("p/link", 0o120777)]
)
def test_a_zip_that_reaches_outside_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    archive = zip_with(tmp_path / "a.whl", name, mode)
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(SoftwareError) as caught:
        unpack(archive, root, {"p/": ""}, Event())
    assert caught.value.code == "archive_unsafe"
    assert os.listdir(root) == []


def test_a_member_may_not_come_twice(tmp_path: Path) -> None:
    archive = tar_with(tmp_path / "a.tgz", tar_entry("p/file"), tar_entry("p/file"))
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(FileExistsError):
        unpack(archive, root, {"p/": ""}, Event())


def test_only_wanted_members_are_kept(tmp_path: Path) -> None:
    names = ("p/bin/tool", "p/lib/a/b", "p/doc/page", "q/other")
    archive = tar_with(tmp_path / "a.tgz", *map(tar_entry, names))
    root = tmp_path / "root"
    root.mkdir()
    assert unpack(archive, root, {"p/bin/tool": "tool", "p/lib/": "library/"}, Event()) == 2
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert files == {"tool", "library/a/b"}


def test_a_missing_member_is_named(tmp_path: Path) -> None:
    archive = tar_with(tmp_path / "a.tgz", tar_entry("p/file"))
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(SoftwareError, match="lacks p/bin/codex"):
        unpack(archive, root, {"p/file": "file", "p/bin/codex": "bin/codex"}, Event())


def test_work_stops_when_told(tmp_path: Path) -> None:
    archive = tar_with(tmp_path / "a.tgz", tar_entry("p/file"))
    stop = Event()
    stop.set()
    with pytest.raises(Stopped):
        checksum(archive, "sha512", stop)
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(Stopped):
        unpack(archive, root, {"p/": ""}, stop)


def test_a_checksum_is_what_hashlib_says(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(3_000_000))
    assert checksum(file, "sha256", Event()).startswith("sha256-")
    import base64

    digest = base64.b64decode(checksum(file, "sha512", Event()).split("-", 1)[1])
    assert digest == hashlib.sha512(bytes(3_000_000)).digest()
