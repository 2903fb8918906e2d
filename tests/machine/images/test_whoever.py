"""Images need no privileges."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.machine.images.conftest import Entry, Layout, tar_of, tar_tree
from tests.machine.test_unprivileged import SPARE, as_spare_user, interpreter, place

import agentos

__all__ = ["interpreter", "place"]

TOUR = Path(__file__).with_name("tour.py")


def image(programs: list[Entry], directory: Path) -> Path:
    """Write an image of two layers."""
    owner = (33, 44)
    lower = [Entry("srv", owner=owner), Entry("srv/lower", b"l"), Entry("srv/gone", b"", mode=0)]
    upper = [Entry("srv/.wh.gone", b""), Entry("srv/upper", b"u", owner=owner)]
    layout = Layout(directory / "layout")
    layout.index(layout.image([tar_of(*programs, *lower), tar_of(*upper)]))
    return tar_tree(layout.root, directory / "image.tar")


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs these tests anyway")
def test_an_ordinary_user_imports_an_image(
    place: Path, interpreter: str, programs: list[Entry]
) -> None:
    assert agentos.__file__
    package = Path(agentos.__file__).parent
    shutil.copytree(package, place / "src/agentos", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOUR, place / "tour.py")
    packed = image(programs, place)
    done = as_spare_user(
        [interpreter, "-W", "error", str(place / "tour.py"), str(packed)],
        PYTHONPATH=str(place / "src"),
        PYTHONDONTWRITEBYTECODE="1",
        AGENTOS_DATA_DIR=str(place / "data"),
        PATH="/usr/bin:/bin",
    )
    assert (done.returncode, done.stdout) == (0, f"seen as user {SPARE}\n"), done.stderr


def test_whoever_runs_the_tests_imports_it(tmp_path: Path, programs: list[Entry]) -> None:
    packed = image(programs, tmp_path)
    words = [sys.executable, "-W", "error", str(TOUR), str(packed)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"seen as user {os.geteuid()}\n"), done.stderr
