from __future__ import annotations

import json
import os
import pickle
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from agentos.cli.software import app
from agentos.errors import SoftwareError
from agentos.software import CATALOG, Package, ensure

if TYPE_CHECKING:
    from tests.software.conftest import Registry


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_shows_what_can_be_installed(data: Path) -> None:
    rows = json.loads(run("list", "--json"))
    assert [row["name"] for row in rows] == sorted(CATALOG)
    assert not any(row["installed"] for row in rows)
    assert CATALOG["codex"].version in run("list")


async def test_list_shows_what_is_installed_with_its_whole_path(
    registry: Registry, data: Path
) -> None:
    package = registry.pip_package("tool", {"tool/file": (b"x" * 1_500_000, 0o644)})
    [layer] = await ensure(["tool"], catalog={"tool": package})
    [line] = [line for line in run("list").splitlines() if line.startswith("tool")]
    assert line.split() == ["tool", "1.0", "yes", "1.5", "MB", str(layer.path)]
    assert "removed tool 1.0" in run("remove", "tool@1.0")
    assert not layer.path.exists()


def test_an_unknown_name_is_reported(data: Path) -> None:
    with pytest.raises(SoftwareError, match="codex-acp"):
        run("install", "codx")


SCRIPT = """
import pickle, sys
from agentos.cli.software import app
from agentos.software import install
catalog = pickle.loads(bytes.fromhex(sys.argv.pop()))
install.ensure.__kwdefaults__["catalog"] = catalog
app()
"""


def everything_shown(terminal: int) -> bytes:
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # EIO: the last program on the terminal has ended
            return shown


def install_tool(package: Package, stderr: int) -> subprocess.Popen[bytes]:
    catalog = pickle.dumps({"tool": package}).hex()
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "install", "tool", catalog],
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=os.environ | {"TERM": "xterm"},
    )


def test_install_shows_a_bar_on_a_terminal(registry: Registry) -> None:
    ours, theirs = pty.openpty()
    package = registry.pip_package("tool", {"tool/file": (b"x", 0o644)})
    with install_tool(package, stderr=theirs) as process:
        os.close(theirs)
        shown = everything_shown(ours)
        os.close(ours)
        assert process.communicate()[0].startswith(b"tool 1.0")
    assert b"tool 1.0" in shown
    assert b"\x1b[" in shown


def test_install_writes_plain_lines_elsewhere(registry: Registry) -> None:
    package = registry.pip_package("tool", {"tool/file": (b"x", 0o644)})
    with install_tool(package, stderr=subprocess.PIPE) as process:
        output, errors = process.communicate()
    assert output.startswith(b"tool 1.0")
    assert errors == b"installing tool 1.0 (0.0 MB)\n"
