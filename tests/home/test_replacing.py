"""A file is replaced as a whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from pathlib import Path

import pytest

from agentos.home.replacing import create_file, replace_file


def test_mode_and_owner_stay(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o604)
    owner = 65533 if os.geteuid() == 0 else os.geteuid()
    os.chown(file, owner, -1)
    replace_file(file, b"new")
    assert file.read_bytes() == b"new"
    assert (stat.S_IMODE(file.stat().st_mode), file.stat().st_uid) == (0o604, owner)
    assert os.listdir(tmp_path) == ["file"]


def test_a_new_one_has_the_mode_that_is_wanted(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", b"secret", mode=0o600)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


@pytest.mark.parametrize("follow", [True, False])
def test_a_link(tmp_path: Path, follow: bool) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    replace_file(tmp_path / "link", b"new", follow=follow)
    assert (tmp_path / "link").is_symlink() == follow
    assert (tmp_path / "target").read_text() == ("new" if follow else "old")
    assert (tmp_path / "link").read_text() == "new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_on_a_full_disk_the_old_content_stays(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(tmp_path)], check=True)
    try:
        file = tmp_path / "file"
        file.write_text("old")
        with pytest.raises(OSError, match="No space left") as caught:
            replace_file(file, b"x" * 100_000)
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(file))
        assert file.read_text() == "old"
        assert os.listdir(tmp_path) == ["file"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_on_a_full_disk_none_is_made(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(tmp_path)], check=True)
    try:
        with pytest.raises(OSError, match="No space left") as caught:
            create_file(tmp_path / "file", b"x" * 100_000)
        assert caught.value.filename == str(tmp_path / "file")
        assert os.listdir(tmp_path) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_without_its_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "none" / "file", b"")
