"""Building the package: the programs in C are compiled, or the reader learns what to install."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Hold a small program in two C files."""
    directory = tmp_path / "native"
    directory.mkdir()
    (directory / "greet.c").write_text('#include <stdio.h>\nvoid greet(void) { puts("made"); }\n')
    (directory / "main.c").write_text("void greet(void);\nint main(void) { greet(); return 0; }\n")
    return directory


def build(sources: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if key not in ("CC", "CFLAGS")}
    output = sources.parent / "agentos-init"
    return subprocess.run(
        [
            *(sys.executable, str(ROOT / "build_native.py")),
            *("--sources", str(sources), "--output", str(output)),
        ],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def compiler_that(path: Path, script: str) -> str:
    """Write a compiler that runs a few lines of sh before (or instead of) the real one."""
    path.write_text(f'#!/bin/sh\n{script}\nexec cc "$@"\n')
    path.chmod(0o755)
    return str(path)


def test_all_files_become_one_program_whose_path_is_printed(sources: Path) -> None:
    built = build(sources)

    program = Path(built.stdout.strip())
    assert subprocess.check_output([program], text=True) == "made\n"
    assert program.stat().st_mode & 0o777 == 0o755
    assert sorted(os.listdir(sources.parent)) == ["agentos-init", "native"]


def test_without_a_static_libc_the_program_is_dynamic(sources: Path, tmp_path: Path) -> None:
    refuse_static = 'case " $* " in *" -static "*) echo "cannot find -lc" >&2; exit 1;; esac'

    built = build(sources, CC=compiler_that(tmp_path / "cc", refuse_static))

    assert built.returncode == 0, built.stderr
    assert subprocess.check_output([built.stdout.strip()], text=True) == "made\n"
    assert b"ld-" in Path(built.stdout.strip()).read_bytes()  # the name of its dynamic loader


def test_musl_is_taken_where_it_is_installed(sources: Path, tmp_path: Path) -> None:
    compiler_that(tmp_path / "musl-gcc", f'echo "$@" >> {tmp_path}/asked; [ -z "$FAIL" ] || exit 1')
    path = f"{tmp_path}:{os.environ['PATH']}"

    for failing in ("", "yes"):  # and where it cannot, another does
        built = build(sources, PATH=path, FAIL=failing)
        assert subprocess.check_output([built.stdout.strip()], text=True) == "made\n"
    assert build(sources, PATH=path, CC="cc").returncode == 0

    asked = (tmp_path / "asked").read_text().splitlines()
    assert len(asked) == 2
    assert "-static" in asked[0]


def test_flags_of_the_environment_count(sources: Path) -> None:
    (sources / "main.c").write_text("#include <stdio.h>\nint main(void) { puts(GREETING); }\n")

    built = build(sources, CFLAGS="""-DGREETING='"from outside"'""")

    assert subprocess.check_output([built.stdout.strip()], text=True) == "from outside\n"


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"PATH": "/nonexistent"}, id="none-on-the-path"),
        pytest.param({"CC": "no-such-compiler"}, id="the-chosen-one-is-absent"),
    ],
)
def test_no_compiler_is_said_in_one_line_with_the_command(
    sources: Path, environment: dict[str, str]
) -> None:
    built = build(sources, **environment)

    assert built.returncode == 1
    assert built.stderr.startswith("cannot compile the programs in C: ")
    assert len(built.stderr.splitlines()) == 1
    assert re.search(r"run: sudo (apt-get install|dnf install|apk add) gcc ", built.stderr)


def test_a_refusal_repeats_the_compilers_words_and_keeps_the_old_program(sources: Path) -> None:
    program = Path(build(sources).stdout.strip())
    (sources / "main.c").write_text("int main(void) { return undeclared_name; }\n")

    built = build(sources)

    assert built.returncode == 1
    assert "undeclared_name" in built.stderr
    assert "Traceback" not in built.stderr
    assert subprocess.check_output([program], text=True) == "made\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what a build of the package reads."""
    directory = tmp_path / "checkout"
    leave_out = shutil.ignore_patterns(
        "agentos-init", "agentos-rollouts", "__pycache__", ".native-*"
    )
    shutil.copytree(ROOT / "src", directory / "src", ignore=leave_out)
    for name in ("pyproject.toml", "build_native.py", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, directory)
    return directory


def pip_wheel(project: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps"),
            *("--wheel-dir", str(project.parent / "wheels"), str(project)),
        ],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_wheel_holds_the_programs_and_fits_every_python_of_this_platform(checkout: Path) -> None:
    built = pip_wheel(checkout)

    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = (checkout.parent / "wheels").glob("*.whl")
    assert wheel.name.endswith(f"-py3-none-linux_{os.uname().machine}.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in ("agentos-init", "agentos-rollouts"):
            program = archive.getinfo(f"agentos/native/{name}")
            assert program.external_attr >> 16 & 0o777 == 0o755
            assert archive.read(program).startswith(b"\x7fELF")
        assert "agentos/py.typed" in archive.namelist()


def test_installing_without_a_compiler_says_what_to_install(checkout: Path) -> None:
    built = pip_wheel(checkout, CC="no-such-compiler")

    assert built.returncode != 0
    assert "there is no C compiler no-such-compiler; run: sudo " in built.stdout + built.stderr
    assert "Traceback" not in built.stdout + built.stderr


def test_a_source_distribution_can_be_built_from(checkout: Path) -> None:
    (checkout / "src/agentos/native/agentos-init").write_text("built on another machine")
    backend = "from hatchling.build import build_sdist; print(build_sdist('dist'))"
    (checkout / "dist").mkdir()
    made = subprocess.run(
        [sys.executable, "-c", backend], cwd=checkout, capture_output=True, text=True, check=True
    )
    archive = checkout / "dist" / made.stdout.splitlines()[-1]

    with tarfile.open(archive) as members:
        names = {name.partition("/")[2] for name in members.getnames()}
    sources = {f"src/agentos/native/{name}.c" for name in ("launcher", "rollouts/main")}
    assert {"build_native.py", "LICENSE", *sources} <= names
    assert "src/agentos/native/agentos-init" not in names
    built = pip_wheel(archive)
    assert built.returncode == 0, built.stdout + built.stderr
