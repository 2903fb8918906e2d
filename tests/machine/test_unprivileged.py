"""Machines need no privileges: an ordinary user has the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import require_runsc

import agentos
from agentos.machine.isolation.runsc import find_runsc

TOUR = Path(__file__).with_name("tour.py")
SPARE = 47_113  # nobody on this host


def as_spare_user(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    identity = ["setpriv", f"--reuid={SPARE}", f"--regid={SPARE}", "--clear-groups"]
    return subprocess.run(
        [*identity, *command], env=environment, cwd="/", capture_output=True, text=True
    )


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory of the spare user's, where every user may go."""
    path = Path(tempfile.mkdtemp(prefix="unprivileged-"))
    path.chmod(0o755)
    (path / "data").mkdir()
    os.chown(path / "data", SPARE, SPARE)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def interpreter() -> str:
    """A Python that is new enough and that the spare user may run."""
    recent = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        # By env, as setpriv itself may start what the user may not.
        if as_spare_user(["env", python, "-c", recent]).returncode == 0:
            return python
    pytest.skip("no Python 3.11 that other users may run")


@pytest.fixture(params=["namespace", "gvisor"])
def isolation(request: pytest.FixtureRequest) -> str:
    """Each kind of machine that is for everybody."""
    name: str = request.param
    if name == "gvisor":
        require_runsc()
    return name


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs these tests anyway")
def test_an_ordinary_user_takes_the_tour(place: Path, interpreter: str, isolation: str) -> None:
    assert agentos.__file__
    package = Path(agentos.__file__).parent
    shutil.copytree(package, place / "src/agentos", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOUR, place / "tour.py")
    if isolation == "gvisor":
        shutil.copy(find_runsc(), place / "runsc")
    done = as_spare_user(
        [interpreter, "-W", "error", str(place / "tour.py"), isolation],
        PYTHONPATH=str(place / "src"),
        PYTHONDONTWRITEBYTECODE="1",
        AGENTOS_DATA_DIR=str(place / "data"),
        PATH=f"/usr/bin:/bin:{place}",
    )
    assert (done.returncode, done.stdout) == (0, f"seen as user {SPARE}\n"), done.stderr


def test_whoever_runs_the_tests_takes_it_too(isolation: str) -> None:
    words = [sys.executable, "-W", "error", str(TOUR), isolation]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"seen as user {os.geteuid()}\n"), done.stderr
