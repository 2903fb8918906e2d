"""What `/etc/subuid` and `/etc/subgid` lend, as far as it can be told by reading."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from agentos import IsolationUnavailable
from agentos.machine.isolation import subordinate
from agentos.machine.isolation.id_map import IdMap
from agentos.machine.isolation.subordinate import Range, granted, still_granted

ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The two files, and helpers that are there."""
    places = tmp_path / "subuid", tmp_path / "subgid"
    for name in ("newuidmap", "newgidmap"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(subordinate, "_FILES", places)
    monkeypatch.setattr(subordinate, "HELPER_PATH", str(tmp_path))
    return places


def test_the_first_that_is_large_enough(files: tuple[Path, Path]) -> None:
    users, groups = files
    users.write_text(
        f"else:1:70000\n\n# {ME}:5:70000\n{ME}:100:10\n{ME}:x:70000\n{ME}:200:9:9\n"
        f"{os.geteuid()}:100000:65536\n{ME}:900000:65536\n"
    )
    groups.write_text(f"{ME}:500000:65536")
    assert granted(65535) == (Range(100_000, 65536), Range(500_000, 65536))
    assert still_granted(Range(900_001, 5), Range(500_000, 65536))
    assert not still_granted(Range(100_000, 65537), Range(500_000, 1))
    assert not still_granted(Range(100_000, 1), Range(499_999, 2))


@pytest.mark.parametrize(
    ("lent", "words"), [("", "no ids"), (f"{ME}:100000:1000\n", "only 100000-100999")]
)
def test_too_few(files: tuple[Path, Path], lent: str, words: str) -> None:
    users, groups = files
    users.write_text(f"{ME}:100000:65536\n")
    groups.write_text(lent)
    with pytest.raises(IsolationUnavailable, match=words) as caught:
        granted(65535)
    assert caught.value.code == "no_id_range"
    assert caught.value.hint == (
        f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {ME}"
    )


def test_files_that_are_not_there(files: tuple[Path, Path]) -> None:
    with pytest.raises(IsolationUnavailable, match="no ids"):
        granted(1)
    assert not still_granted(Range(1, 1), Range(1, 1))


def test_the_numbers_of_a_map_with_lent_ids() -> None:
    ids = IdMap(
        "0 300000 1000\n1000 47113 1\n1001 301000 64535",
        "0 500000 1000\n1000 47 1\n1001 501000 64535",
    )
    assert (ids.user, ids.root, ids.count) == ((47113, 47), (300_000, 500_000), 65536)
    assert ids.has_root
    assert ids.is_lent
    assert ids.of_user == IdMap("1000 47113 1", "1000 47 1")


@pytest.mark.parametrize("line", ["1000 5 1", "0 1879048192 65536"])
def test_maps_without(line: str) -> None:
    ids = IdMap(line, line)
    assert not ids.is_lent
    assert ids.has_root == (ids.count == 65536)
