"""`agentos exec`, `shell` and `doctor`, as a user runs them."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agentos.agents.codex_versions import versions_tested

AGENTOS = [sys.executable, "-m", "agentos"]


def agentos(
    *words: str, input: bytes = b"", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*AGENTOS, *words],
        input=input,
        capture_output=True,
        env={**os.environ, **(env or {})},
        timeout=120,
        check=False,
    )


def test_streams_and_exit_code_pass_through() -> None:
    ran = agentos("exec", "--", "sh", "-c", "cat; echo oops >&2; exit 7", input=b"in\n")
    assert (ran.stdout, ran.stderr, ran.returncode) == (b"in\n", b"oops\n", 7)


def test_options_of_the_command_stay_with_it() -> None:
    ran = agentos("exec", "--", "sh", "-c", "echo $0 $1", "--debug", "--env")
    assert ran.stdout == b"--debug --env\n"


def test_variables_by_name_and_by_value() -> None:
    env = {"SECRET_OF_MINE": "dummy"}
    script = "echo $SECRET_OF_MINE.$GIVEN"
    ran = agentos(
        "exec", "-e", "SECRET_OF_MINE", "-e", "GIVEN=x=y", "--", "sh", "-c", script, env=env
    )
    assert ran.stdout == b"dummy.x=y\n"
    assert agentos("exec", "--", "sh", "-c", script, env=env).stdout == b".\n"


def test_missing_variable_is_one_readable_line() -> None:
    ran = agentos("exec", "-e", "NO_SUCH_VARIABLE", "--", "true")
    assert ran.returncode == 1
    assert b"NO_SUCH_VARIABLE" in ran.stderr
    assert b"Traceback" not in ran.stderr


def test_isolation_by_name() -> None:
    ran = agentos("exec", "--isolation", "landlock", "--", "sh", "-c", "cat; exit 3", input=b"in")
    assert (ran.stdout, ran.stderr, ran.returncode) == (b"in", b"", 3)


def test_isolation_that_there_is_not() -> None:
    for command in (["exec", "--", "true"], ["shell"], ["run", "codex", "do it"]):
        ran = agentos(command[0], "--isolation", "vault", *command[1:])
        assert ran.returncode == 1
        assert b"there is no isolation 'vault'" in ran.stderr
        assert b'"strong"' in ran.stderr


def test_a_workspace_without_a_namespace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here\n")
    words = ["-w", str(tmp_path), "--", "sh", "-c", "cat file; echo x > made"]
    ran = agentos("exec", "--isolation", "landlock", *words)
    assert (ran.stdout, ran.returncode) == (b"here\n", 0)
    assert os.listdir(tmp_path) == ["file"]


def test_doctor_tries_every_kind_of_isolation() -> None:
    lines = agentos("doctor", "--json").stdout.decode().splitlines()
    found = {finding["name"]: finding for finding in map(json.loads, lines)}
    kinds = [found[f"isolation {kind}"] for kind in ("gvisor", "microvm", "landlock")]
    assert [kind["required"] for kind in kinds] == [False] * 3
    assert all(kind["ok"] or kind["remedy"] for kind in kinds)
    assert found["isolation landlock"]["ok"]


def test_unknown_program() -> None:
    ran = agentos("exec", "--", "no-such-program")
    assert ran.returncode == 1
    assert ran.stderr == b"agentos: no-such-program: No such file or directory\n"


def test_debug_shows_where_an_error_came_from() -> None:
    assert b"Traceback" in agentos("--debug", "exec", "--", "no-such-program").stderr


def test_timeout() -> None:
    ran = agentos("exec", "--timeout", "0.3", "--", "sleep", "1000")
    assert ran.returncode == 1
    assert b"did not end within 0.3 s" in ran.stderr


def test_workspace_is_copied_in_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("host\n")
    ran = agentos("exec", "-w", str(tmp_path), "--", "sh", "-c", "cat file; echo vm > file")
    assert ran.stdout == b"host\n"
    assert (tmp_path / "file").read_text() == "host\n"


def test_interrupt_ends_the_command_and_leaves_nothing() -> None:
    running = subprocess.Popen(
        [*AGENTOS, "exec", "--", "sh", "-c", "echo started; exec sleep 98765"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == b"started\n"
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert b"Traceback" not in errors
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if b"98765" in _read(p)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_shell_without_a_terminal_says_so() -> None:
    ran = agentos("shell")
    assert ran.returncode == 1
    assert b"needs a terminal" in ran.stderr


# Libraries of other tests have threads; the child is another program at once.
@pytest.mark.filterwarnings("ignore:.*may lead to deadlocks:DeprecationWarning")
def test_shell_on_a_terminal() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*AGENTOS, "shell"])
    os.write(terminal, b"echo in-$((40+2)); tty; exit 5\n")
    shown = b""
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # EIO: the shell is gone
            break
        if not chunk:
            break
        shown += chunk
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 5
    assert b"in-42" in shown
    assert b"/dev/pts/0" in shown


@pytest.mark.filterwarnings("ignore:.*may lead to deadlocks:DeprecationWarning")
def test_a_shell_whose_terminal_is_gone_ends() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
        os.execv(sys.executable, [*AGENTOS, "shell"])
    shown = b""
    while b"agentos:" not in shown:
        shown += os.read(terminal, 65536)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) in (129, 137)  # hung up, or killed


def test_doctor_finds_a_machine_that_works() -> None:
    ran = agentos("doctor", "--json")
    findings = {row["name"]: row for row in map(json.loads, ran.stdout.splitlines())}
    for name in ("kernel", "machine", "lockdown", "files", "root inside", "network by name"):
        assert findings[name]["ok"], findings[name]
    assert ran.returncode == 0


@pytest.mark.parametrize("installed", [True, False])
def test_doctor_names_the_codex_that_sessions_are_tested_with(
    installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not installed:
        monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path))
    lines = agentos("doctor", "--json").stdout.splitlines()
    (codex,) = [row for row in map(json.loads, lines) if row["name"] == "codex"]
    assert codex["detail"].endswith(f"; sessions are tested with {versions_tested()}")
    assert codex["detail"].startswith("not installed") or codex["ok"]


def test_doctor_says_what_to_do_where_machines_are_forbidden() -> None:
    wrapper = Path(__file__).parents[1] / "data" / "in_user_namespace.py"
    setup = "echo 0 > /proc/sys/user/max_user_namespaces"
    ran = subprocess.run(
        [sys.executable, str(wrapper), setup, *AGENTOS, "doctor"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 1
    assert "MISSING  machine" in ran.stdout
    assert "max_user_namespaces" in ran.stdout


@pytest.mark.parametrize(
    "words", [["nonsense"], ["exec"], ["run"], ["exec", "--nope", "--", "true"]]
)
def test_wrong_use_exits_with_2(words: list[str]) -> None:
    ran = agentos(*words)
    assert ran.returncode == 2
    assert b"Traceback" not in ran.stderr


def test_version() -> None:
    assert agentos("--version").stdout.startswith(b"agentos 0.")
