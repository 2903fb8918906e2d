"""What is committed of the page is current: its build, and the client of the hub's routes."""

from __future__ import annotations

import filecmp
import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentos.hub.web.files import DIST

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
#: As web/vite.config.ts has it.
SOURCES = re.search(r"const SOURCES = (\[.*?\]);", (WEB / "vite.config.ts").read_text())


def digest() -> str:
    assert SOURCES
    named = [WEB / name for name in json.loads(SOURCES[1])]
    files = [one for each in named for one in ([each] if each.is_file() else each.rglob("*"))]
    names = sorted(one.relative_to(WEB).as_posix() for one in files if one.is_file())
    found = hashlib.sha256()
    for name in names:
        content = hashlib.sha256((WEB / name).read_bytes()).hexdigest()
        found.update(f"{content}  {name}\n".encode())
    return found.hexdigest()


def test_the_build_is_of_these_sources() -> None:
    assert (DIST / "sources.sha256").read_text().strip() == digest(), "run `make web`"


def test_the_document_of_the_client_is_the_hubs() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "openapi.py")]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert (WEB / "openapi.json").read_text() == made, "run `make web`"


def test_building_it_again_makes_the_same(node_modules: Path, tmp_path: Path) -> None:
    skip = shutil.ignore_patterns("node_modules")
    copy = shutil.copytree(WEB, tmp_path / "web", ignore=skip)
    (copy / "node_modules").symlink_to(node_modules)
    for script in ("generate", "build"):
        ran = subprocess.run(
            ["npm", "run", script], cwd=copy, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    schema = Path("src", "api", "schema.ts")
    assert (copy / schema).read_text() == (WEB / schema).read_text(), "run `make web`"
    built = tmp_path / "src" / "agentos" / "hub" / "web" / "dist"
    ours, theirs = files_in(DIST), files_in(built)
    assert ours == theirs
    assert filecmp.cmpfiles(DIST, built, ours, shallow=False)[0] == ours


def files_in(directory: Path) -> list[str]:
    return sorted(str(one.relative_to(directory)) for one in directory.rglob("*") if one.is_file())


@pytest.mark.parametrize("name", ["package-lock.json", "package.json", ".npmrc"])
def test_no_registry_is_named(name: str) -> None:
    assert "registry." not in (WEB / name).read_text()
