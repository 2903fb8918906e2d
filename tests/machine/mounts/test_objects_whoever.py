"""Objects are mounted without privileges too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import obstore
import pytest
import typing_extensions
from tests.machine.test_unprivileged import SPARE, as_spare_user, interpreter, place
from tests.s3_server import Bucket

import agentos

__all__ = ["interpreter", "place"]

TOUR = Path(__file__).with_name("tour_objects.py")


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs these tests anyway")
def test_an_ordinary_user_mounts_objects(place: Path, interpreter: str, bucket: Bucket) -> None:
    assert agentos.__file__
    assert obstore.__file__
    bucket.put("dir/f", b"old\n")
    for package in (agentos.__file__, obstore.__file__):
        tree = Path(package).parent
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(tree, place / "src" / tree.name, ignore=ignored)
    shutil.copy(typing_extensions.__file__, place / "src")
    shutil.copy(TOUR, place / "tour.py")
    done = as_spare_user(
        [interpreter, "-W", "error", str(place / "tour.py"), bucket.endpoint, bucket.name],
        PYTHONPATH=str(place / "src"),
        PYTHONDONTWRITEBYTECODE="1",
        AGENTOS_DATA_DIR=str(place / "data"),
        PATH="/usr/bin:/bin",
    )
    assert (done.returncode, done.stdout) == (0, f"seen as user {SPARE}\n"), done.stderr
    assert bucket.keys() == ["dir/f"]
    assert bucket.get("dir/f") == b"new\n"


def test_whoever_runs_the_tests_mounts_objects(bucket: Bucket) -> None:
    bucket.put("dir/f", b"old\n")
    command = [sys.executable, "-W", "error", str(TOUR), bucket.endpoint, bucket.name]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"seen as user {os.geteuid()}\n"), done.stderr
    assert bucket.keys() == ["dir/f"]
