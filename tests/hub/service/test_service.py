"""The hub as a service: what each manager reads, and installing it for the running one."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agentos.errors import AgentOsError
from agentos.hub.service.service import Service, service_here
from agentos.hub.service.texts import launchd_plist, systemd_unit, windows_task

COMMAND = ("/opt/my tools/python", "-m", "agentos", "serve", '50% "$HOME" \\')
TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


def test_the_systemd_unit_says_all_of_it() -> None:
    text = systemd_unit(COMMAND, {"AGENTOS_HOME": "/home/a b/100%"})
    lines = text.splitlines()
    assert (
        'ExecStart="/opt/my tools/python" "-m" "agentos" "serve" "50%% \\"$$HOME\\" \\\\"' in lines
    )
    assert 'Environment="AGENTOS_HOME=/home/a b/100%%"' in lines
    for line in ("Type=notify", "Restart=on-failure", "WantedBy=default.target"):
        assert line in lines


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "agentos-hub.service"
    unit.write_text(
        systemd_unit((sys.executable, "-m", "agentos", "serve"), {"AGENTOS_HOME": "/a b/%"})
    )
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", unit],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_launch_agent_says_all_of_it() -> None:
    said = plistlib.loads(launchd_plist(COMMAND, {"A": "<&>"}, "/home/me/hub.out").encode())
    assert said["ProgramArguments"] == list(COMMAND)
    assert said["EnvironmentVariables"] == {"A": "<&>"}
    assert said["RunAtLoad"] is True
    assert said["KeepAlive"] == {"SuccessfulExit": False}
    assert said["StandardErrorPath"] == "/home/me/hub.out"
    assert said["Label"] == "internal.agentos.hub"


def test_the_windows_task_says_all_of_it() -> None:
    words = ("C:\\my tools\\python.exe", "-m", "agentos", "a b", 'say "hi"', "end\\ ", "")
    task = ElementTree.fromstring(windows_task(words, "HERE\\me & you").encode("utf-16"))

    def text(path: str) -> str | None:
        return task.findtext("/".join(TASK + step for step in path.split("/")))

    assert text("Actions/Exec/Command") == words[0]
    assert text("Actions/Exec/Arguments") == '-m agentos "a b" "say \\"hi\\"" "end\\ " ""'
    assert text("Triggers/LogonTrigger/UserId") == "HERE\\me & you"
    assert text("Principals/Principal/RunLevel") == "LeastPrivilege"
    assert text("Settings/ExecutionTimeLimit") == "PT0S"
    assert text("Settings/MultipleInstancesPolicy") == "IgnoreNew"


def played(tmp_path: Path, exit_code: int) -> Service:
    """A service whose manager is a program of the test's own, which writes down what it hears."""
    program = tmp_path / "manager"
    program.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/heard\necho no bus >&2\nexit {exit_code}\n'
    )
    program.chmod(0o755)
    manager = str(program)
    return Service(
        path=tmp_path / "units" / "hub.service",
        text="the unit",
        enable=((manager, "reload"), (manager, "enable")),
        disable=((manager, "disable"),),
        query=(manager, "query"),
    )


def test_a_service_is_installed_and_removed(tmp_path: Path) -> None:
    service = played(tmp_path, 0)
    service.install()
    assert service.path.read_text() == "the unit"
    assert service.runs()
    assert service.uninstall()
    assert not service.uninstall()
    assert not service.path.exists()
    assert (tmp_path / "heard").read_text().split() == ["reload", "enable", "query", "disable"]


def test_a_manager_that_refuses_is_told_with_the_command(tmp_path: Path) -> None:
    service = played(tmp_path, 1)
    with pytest.raises(AgentOsError, match="reload` failed: no bus") as caught:
        service.install()
    assert str(service.path) in str(caught.value.hint)
    assert not service.runs()


def test_a_manager_that_is_not_there_is_told(tmp_path: Path) -> None:
    program = str(tmp_path / "systemctl")
    service = Service(tmp_path / "unit", "", ((program, "enable"),), (), (program, "query"))
    with pytest.raises(AgentOsError, match=r"there is no .*systemctl on this system") as caught:
        service.install()
    assert f"`{program} enable`" in str(caught.value.hint)
    assert not service.runs()


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_on_linux_it_is_a_user_unit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("AGENTOS_HOME", "/home/me/mine")
    service = service_here()
    assert service.path == tmp_path / "systemd" / "user" / "agentos-hub.service"
    assert '"AGENTOS_HOME=/home/me/mine"' in service.text
    assert sys.executable in service.text
