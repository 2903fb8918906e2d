"""Questions of the command line: a yes, a no, Ctrl-C, and nobody there."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

ASK = """
import typer
from agentos.cli import main
from agentos.cli.confirm import confirm

def act() -> None:
    confirm("Go?")
    typer.echo("gone")

main.COMMANDS, main.GROUPS = {"act": "x"}, {}
main._load = lambda place: act
main.main()
"""


def _asked(input: bytes) -> tuple[int, bytes, bytes]:
    ran = subprocess.run(
        [sys.executable, "-c", ASK, "act"], input=input, capture_output=True, timeout=60
    )
    return ran.returncode, ran.stdout, ran.stderr


def test_a_pipe_may_answer() -> None:
    code, out, err = _asked(b"y\n")
    assert (code, out) == (0, b"gone\n")
    assert b"Go? [y/N]" in err


def test_a_no_says_that_nothing_was_done() -> None:
    code, out, err = _asked(b"n\n")
    assert (code, out) == (1, b"")
    assert b"nothing was done" in err


def test_where_nobody_answers_it_says_how_it_is_done() -> None:
    code, out, err = _asked(b"")
    assert (code, out) == (1, b"")
    assert b"agentos: nobody answered: Go?\n         --yes" in err


@pytest.mark.parametrize(("key", "code"), [(b"\x03", 130), (b"\x04", 1)])
def test_keys_that_end_it(key: bytes, code: int) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", ASK, "act"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # it is its terminal
    )
    os.close(theirs)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(ours, 4096)
    os.write(ours, key)
    assert process.wait(timeout=60) == code
    os.close(ours)
