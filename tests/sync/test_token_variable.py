"""The token as a variable: what is printed and written sets it, in real shells."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from agentos.sync.token_variable import (
    SHELLS,
    Shell,
    export_line,
    keep_in_step,
    remove,
    shell_of,
    sourced_text,
    systemd_file,
    write_sourced,
    write_systemd,
)

ODD = "agentos_a'b\"c$d\\e`f;g&h"
PRINT = {
    "sh": ("sh", 'printf %s "$AGENTOS_TOKEN"'),
    "bash": ("bash", 'printf %s "$AGENTOS_TOKEN"'),
    "fish": ("fish", "printf %s $AGENTOS_TOKEN"),
    "pwsh": ("pwsh", "[Console]::Write($env:AGENTOS_TOKEN)"),
}
KIND: dict[str, Shell] = {"sh": "sh", "bash": "sh", "fish": "fish", "pwsh": "powershell"}
HERE = [name for name in PRINT if shutil.which(name)]


def run(shell: str, text: str) -> str:
    program, show = PRINT[shell]
    ran = subprocess.run(
        [program, "-c", f"{text}\n{show}"], capture_output=True, text=True, check=True
    )
    return ran.stdout


@pytest.mark.parametrize("shell", HERE)
def test_the_line_sets_the_variable_whatever_is_in_the_token(shell: str) -> None:
    assert run(shell, export_line(ODD, KIND[shell])) == ODD


@pytest.mark.parametrize("shell", HERE)
def test_the_sourced_file_follows_the_token(shell: str, tmp_path: Path) -> None:
    state = tmp_path / "it's here"
    state.mkdir()
    (state / "token").write_text("first\n")
    path = write_sourced(state, KIND[shell])
    assert "first" not in path.read_text()
    quoted = str(path).replace("'", "'\\''") if KIND[shell] != "powershell" else str(path)
    assert run(shell, f". '{quoted}'") == "first"
    (state / "token").write_text("second\n")
    assert run(shell, f". '{quoted}'") == "second"
    (state / "token").unlink()
    assert run(shell, f". '{quoted}'") == os.environ.get("AGENTOS_TOKEN", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_words_of_its_own(shell: Shell) -> None:
    words = {"sh": "export ", "fish": "set -gx ", "powershell": "$env:"}
    assert export_line("t" * 30, shell).startswith(words[shell])
    assert "/state/token" in sourced_text(Path("/state/token"), shell)


@pytest.mark.parametrize(
    ("env", "shell"),
    [
        ({"SHELL": "/bin/bash"}, "sh"),
        ({"SHELL": "/usr/bin/fish"}, "fish"),
        ({"SHELL": "/usr/bin/pwsh"}, "powershell"),
        ({"PSModulePath": "C:\\"}, "powershell"),
        ({}, "sh"),
    ],
)
def test_the_user_s_shell_is_known(env: dict[str, str], shell: str) -> None:
    assert shell_of(env) == shell


def test_systemd_s_copy_is_private_and_kept_in_step(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    path = systemd_file(env)
    assert path == tmp_path / ".config/environment.d/60-agentos.conf"
    assert not keep_in_step("new", env)
    assert not path.exists()
    write_systemd(path, "old")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert keep_in_step("new", env)
    assert path.read_text() == 'AGENTOS_TOKEN="new"\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert remove(tmp_path, env) == [path]
    assert not path.exists()


def test_systemd_reads_the_token_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "60-agentos.conf"
    write_systemd(path, ODD)  # systemd takes $$ for a dollar, and reads quotes as C does
    assert path.read_text() == 'AGENTOS_TOKEN="agentos_a\'b\\"c$$d\\\\e`f;g&h"\n'
