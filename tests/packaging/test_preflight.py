"""The check before an installation: one line names what only root can provide."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PREFLIGHT = Path(__file__).parents[2] / "scripts" / "preflight.sh"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Make the only directory of the path: sh, the shell's tools, cc, git and apt's Python."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("sh", "uname", "basename", "cc", "git"):
        found = shutil.which(name)
        assert found is not None
        (directory / name).symlink_to(found)
    script(directory / "python3", f'exec {sys.executable} "$@"')
    return directory


def script(path: Path, *lines: str) -> None:
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)


def preflight(programs: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(programs / "sh"), str(PREFLIGHT)],
        env={"PATH": f"{programs}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def complaint(programs: Path, **environment: str) -> str:
    checked = preflight(programs, **environment)
    assert checked.returncode == 1
    (line,) = checked.stderr.splitlines()
    return line


def test_prints_the_python_to_use(programs: Path) -> None:
    assert preflight(programs).stdout == f"{programs / 'python3'}\n"


def test_a_newer_python_beside_an_old_one_is_found(programs: Path) -> None:
    os.rename(programs / "python3", programs / "python3.12")
    script(programs / "python3", "exit 1")

    assert preflight(programs).stdout == f"{programs / 'python3.12'}\n"


def test_no_compiler(programs: Path) -> None:
    (programs / "cc").unlink()

    assert complaint(programs) == (
        "a C compiler with its headers is missing; run: sudo apt-get install gcc libc6-dev"
    )


def test_a_compiler_without_headers(programs: Path) -> None:
    assert "sudo apt-get install gcc libc6-dev" in complaint(programs, CC="cc -nostdinc")


def test_no_git(programs: Path) -> None:
    (programs / "git").unlink()

    assert complaint(programs) == "git is missing; run: sudo apt-get install git"


def test_no_venv_module(programs: Path) -> None:
    script(
        programs / "python3",
        'case "$2" in *ensurepip*) echo "No module named ensurepip" >&2; exit 1;; esac',
        f'exec {sys.executable} "$@"',
    )
    (programs / "python3.12").symlink_to("python3")

    assert complaint(programs) == (
        "the venv module of python3 is missing; run: sudo apt-get install python3-venv"
    )


def test_no_python(programs: Path) -> None:
    (programs / "python3").unlink()

    assert complaint(programs) == (
        "Python 3.11 to 3.14 is missing; run: sudo apt-get install python3 python3-venv"
    )


@pytest.mark.parametrize(
    ("program", "command"),
    [("dnf", "sudo dnf install git"), ("apk", "sudo apk add git")],
)
def test_the_command_is_of_this_distribution(programs: Path, program: str, command: str) -> None:
    (programs / "git").unlink()
    script(programs / program)

    assert complaint(programs) == f"git is missing; run: {command}"
