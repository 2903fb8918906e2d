"""What is around a guest needs no privileges."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.machine.test_unprivileged import as_spare_user, interpreter, place

import agentos

__all__ = ["interpreter", "place"]

TOUR = Path(__file__).with_name("microvm_tour.py")
SEEN = "seen by both\n1000\n1000\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs these tests anyway")
def test_an_ordinary_user_has_a_guest(place: Path, interpreter: str) -> None:
    assert agentos.__file__
    package = Path(agentos.__file__).parent
    shutil.copytree(package, place / "src/agentos", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOUR, place / "tour.py")
    done = as_spare_user(
        [interpreter, "-W", "error", str(place / "tour.py")],
        PYTHONPATH=str(place / "src"),
        PYTHONDONTWRITEBYTECODE="1",
        AGENTOS_DATA_DIR=str(place / "data"),
        PATH="/usr/bin:/bin",
    )
    assert (done.returncode, done.stdout) == (0, SEEN), done.stderr


def test_whoever_runs_the_tests_has_a_guest() -> None:
    done = subprocess.run([sys.executable, "-W", "error", TOUR], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, SEEN), done.stderr
