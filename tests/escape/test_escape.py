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
from tests.escape import landlock as on_landlock
from tests.escape.host_verbs import TRIALS
from tests.escape.runner import THEMES

import agentos
from agentos.errors import IsolationUnavailable
from agentos.machine.isolation import landlock
from agentos.machine.isolation.runsc import find_runsc

HERE = Path(__file__).parent
NATIVE = Path(agentos.__file__ or "").parent / "native"
SPARE = 47_113  # nobody on this host
#: Backends that run here.
BACKENDS = [
    "namespace",
    *(["landlock"] if landlock.abi() >= landlock.NEEDED_ABI else []),
    "gvisor",
]
#: What attempts may show where a backend does not show what one of namespaces does.
OTHERWISE = {
    "namespace": {},
    "landlock": {name: held for name, (held, _) in on_landlock.OTHERWISE.items()},
    "gvisor": gvisor.HELD,
}
PROGRAMS = {"every_row": "", "every_shared_row": "-DSHARED", "int80": "", "swap": ""}
#: Whose machine it is, and who in it makes the attempts.
IDENTITIES = ["the tester", "an ordinary user", "root inside", "root inside by lent ids"]
RUNS = [
    (backend, identity)
    for backend in BACKENDS
    for identity in IDENTITIES
    # Landlock's machines have no root, and gVisor's may end its own by signals to init.
    if backend == "namespace" or "root" not in identity
]
LEND = Path(__file__).parents[1] / "data/with_lent_ids.sh"

Shown = dict[str, str]


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A directory where every user may go, with the package, the attempts and their programs."""
    path = Path(tempfile.mkdtemp(prefix="escape-"))
    path.chmod(0o755)
    leave_out = shutil.ignore_patterns("__pycache__", "test_*")
    shutil.copytree(NATIVE.parent, path / "agentos", ignore=leave_out)
    shutil.copytree(HERE, path / "tests/escape", ignore=leave_out)
    for name, flag in PROGRAMS.items():
        _compile(HERE / f"{name.replace('_shared', '')}.c", path / name, flag or "-DNONE")
    for identity in IDENTITIES:
        (path / identity).mkdir()
        if _is_ordinary(identity) and os.geteuid() == 0:
            os.chown(path / identity, SPARE, SPARE)
    yield path
    shutil.rmtree(path)


def _compile(source: Path, program: Path, flag: str) -> None:
    for linking in (["-static"], []):
        words = ["cc", "-O1", "-pthread", flag, *linking, f"-I{NATIVE}", "-o"]
        done = subprocess.run([*words, program, source], capture_output=True, check=False)
        if done.returncode == 0:
            return
    pytest.fail(f"cannot compile {source}")


@pytest.fixture(scope="session", params=RUNS, ids=", ".join)
def run(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A backend, and who makes the attempts."""
    pair: tuple[str, str] = request.param
    return pair


@pytest.fixture(scope="session")
def backend(run: tuple[str, str]) -> str:
    return run[0]


@pytest.fixture(scope="session")
def shown(run: tuple[str, str], place: Path) -> Shown:
    """What each attempt showed."""
    backend, identity = run
    prefix, python, path = [], sys.executable, "/usr/bin:/bin"
    if backend == "gvisor":
        path = f"{_runsc(place)}:{path}"
    if _is_ordinary(identity):
        if os.geteuid() != 0:
            pytest.skip("an ordinary user runs these tests anyway")
        prefix = ["setpriv", f"--reuid={SPARE}", f"--regid={SPARE}", "--clear-groups"]
        if "lent" in identity:
            if shutil.which("newuidmap") is None:
                pytest.skip("needs: sudo apt-get install uidmap")
            prefix = ["unshare", "-m", "sh", str(LEND), str(SPARE), "300000", "65536"]
        python = _interpreter_for_all(prefix)
    elif "root" in identity and os.geteuid() != 0:
        pytest.skip("only root has ids of its own to give")
    as_root = ["--root"] if "root" in identity else []
    command = [*prefix, python, "-W", "error", "-m", "tests.escape.runner", *as_root]
    environment = {
        "PATH": path,
        "PYTHONPATH": str(place),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AGENTOS_DATA_DIR": str(place / identity),
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


def _is_ordinary(identity: str) -> bool:
    return "ordinary" in identity or "lent" in identity


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
        # By env, as setpriv itself may start what the user may not.
        words = [*prefix, "env", python, "-c", recent]
        if subprocess.run(words, check=False).returncode == 0:
            return python
    pytest.skip("no Python 3.11 that other users may run")


def _rows() -> list[Any]:
    rows = [
        (f"{theme}: {a.name}", a.held, a.by_root) for theme, table in THEMES.items() for a in table
    ]
    rows += [(f"host: {name}", held, None) for name, _, held in TRIALS]
    return [pytest.param(*row, id=row[0]) for row in rows]


@pytest.mark.parametrize(("name", "held", "by_root"), _rows())
def test_held(shown: Shown, backend: str, name: str, held: str, by_root: str | None) -> None:
    if shown["user"] == "root" and by_root is not None:
        held = by_root
    held = OTHERWISE[backend].get(name, held)
    assert re.fullmatch(held, shown[name].strip()), (
        f"{name} showed {shown[name]!r}\n{shown.get(f'{name} (stderr)', '')}"
    )


def test_every_row_of_the_filter_is_in_force(shown: Shown, backend: str) -> None:
    rows = [line.split() for line in shown["rows"].splitlines()]
    # Of a socket of family 0 the other filter, which comes first, says that it has no such family.
    rows = [row for row in rows if row[0] != "socket"] if backend == "landlock" else rows
    assert len(rows) > 60
    assert [row for row in rows if row[1] != row[2]] == []


def test_nothing_outside_has_changed(shown: Shown) -> None:
    assert (shown["afterwards"], shown["changed"]) == ("the machine serves", "")


def test_what_is_otherwise_is_said_of_attempts_that_are_made() -> None:
    assert all(held.keys() <= {row.id for row in _rows()} for held in OTHERWISE.values())


def test_there_are_enough_of_them() -> None:
    names = [row.id for row in _rows()]
    assert len(set(names)) == len(names) > 60
