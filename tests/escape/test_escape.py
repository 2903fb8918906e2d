"""Attempts to get out of a machine, or to see out: each is held, for root and for anybody."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.escape import gvisor
from tests.escape.host_verbs import TRIALS
from tests.escape.runner import THEMES

import agentos
from agentos.errors import IsolationUnavailable
from agentos.machine.isolation.runsc import find_runsc

HERE = Path(__file__).parent
NATIVE = Path(agentos.__file__ or "").parent / "native"
SPARE = 47_113  # nobody on this host
BACKENDS = ["namespace", "gvisor"]
#: What attempts may show where a backend's kernel answers in its own way.
OTHERWISE = {"namespace": {}, "gvisor": gvisor.HELD}
PROGRAMS = ["every_row", "int80", "swap"]
IDENTITIES = ["the tester", "an ordinary user"]

Shown = dict[str, str]


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A directory where every user may go, with the package, the attempts and their programs."""
    path = Path(tempfile.mkdtemp(prefix="escape-"))
    path.chmod(0o755)
    leave_out = shutil.ignore_patterns("__pycache__", "test_*")
    shutil.copytree(NATIVE.parent, path / "agentos", ignore=leave_out)
    shutil.copytree(HERE, path / "tests/escape", ignore=leave_out)
    for name in PROGRAMS:
        _compile(HERE / f"{name}.c", path / name)
    for identity in IDENTITIES:
        (path / identity).mkdir()
    os.chown(path / IDENTITIES[1], SPARE, SPARE) if os.geteuid() == 0 else None
    yield path
    shutil.rmtree(path)


def _compile(source: Path, program: Path) -> None:
    for linking in (["-static"], []):
        words = ["cc", "-O1", "-pthread", *linking, f"-I{NATIVE}", "-o"]
        done = subprocess.run([*words, program, source], capture_output=True, check=False)
        if done.returncode == 0:
            return
    pytest.fail(f"cannot compile {source}")


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="session", params=IDENTITIES)
def shown(request: pytest.FixtureRequest, backend: str, place: Path) -> Shown:
    """What each attempt showed."""
    prefix, python, path = [], sys.executable, "/usr/bin:/bin"
    if backend == "gvisor":
        path = f"{_runsc(place)}:{path}"
    if request.param == IDENTITIES[1]:
        if os.geteuid() != 0:
            pytest.skip("an ordinary user runs these tests anyway")
        prefix = ["setpriv", f"--reuid={SPARE}", f"--regid={SPARE}", "--clear-groups"]
        python = _interpreter_for_all(prefix)
    command = [*prefix, python, "-W", "error", "-m", "tests.escape.runner"]
    environment = {
        "PATH": path,
        "PYTHONPATH": str(place),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AGENTOS_DATA_DIR": str(place / request.param),
    }
    ran = subprocess.run(
        [*command, f"--isolation={backend}", *(str(place / name) for name in PROGRAMS)],
        env=environment,
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: Shown = json.loads(ran.stdout)
    return found


def _runsc(place: Path) -> Path:
    """Put the program where every user may run it."""
    try:
        shutil.copy(find_runsc(), place / "runsc")
    except IsolationUnavailable as error:
        pytest.skip(str(error))
    return place


def _interpreter_for_all(prefix: list[str]) -> str:
    recent = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            if subprocess.run([*prefix, python, "-c", recent], check=False).returncode == 0:
                return python
        except FileNotFoundError:
            continue
    pytest.skip("no Python 3.11 that other users may run")


def _rows() -> list[Any]:
    rows = [(f"{theme}: {a.name}", a.held) for theme, table in THEMES.items() for a in table]
    rows += [(f"host: {name}", held) for name, _, held in TRIALS]
    return [pytest.param(*row, id=row[0]) for row in rows]


@pytest.mark.parametrize(("name", "held"), _rows())
def test_held(shown: Shown, backend: str, name: str, held: str) -> None:
    held = OTHERWISE[backend].get(name, held)
    assert re.fullmatch(held, shown[name].strip()), (
        f"{name} showed {shown[name]!r}\n{shown.get(f'{name} (stderr)', '')}"
    )


def test_every_row_of_the_filter_is_in_force(shown: Shown) -> None:
    rows = [line.split() for line in shown["rows"].splitlines()]
    assert len(rows) > 60
    assert [row for row in rows if row[1] != row[2]] == []


def test_nothing_outside_has_changed(shown: Shown) -> None:
    assert (shown["afterwards"], shown["changed"]) == ("the machine serves", "")


def test_what_is_otherwise_is_said_of_attempts_that_are_made() -> None:
    assert all(held.keys() <= {row.id for row in _rows()} for held in OTHERWISE.values())


def test_there_are_enough_of_them() -> None:
    names = [row.id for row in _rows()]
    assert len(set(names)) == len(names) > 60
