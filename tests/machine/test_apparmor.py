"""The AppArmor profile, and who is told to install it."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agentos.machine.channel import BootFailed
from agentos.machine.isolation import apparmor, namespace

PARSER = shutil.which("apparmor_parser", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")


def parsed(text: str, tmp_path: Path) -> str:
    """Have the parser compile a profile, without loading it; what it complains about."""
    if PARSER is None:
        pytest.skip("apparmor is not installed")
    version = subprocess.run([PARSER, "--version"], capture_output=True, text=True, check=True)
    if int(version.stdout.split("version ")[1].split(".")[0]) < 4:
        # It knows neither the rule that matters nor its version of the rules; all else it reads.
        text = text.replace("abi <abi/4.0>,\n", "").replace("  userns,\n", "")
    path = tmp_path / "profile"
    path.write_text(text)
    done = subprocess.run([PARSER, "-Q", "-K", "-S", path], capture_output=True, check=False)
    return "" if done.returncode == 0 else done.stderr.decode()


def test_the_profile_is_one(tmp_path: Path) -> None:
    assert parsed(apparmor.profile(), tmp_path) == ""
    assert parsed(apparmor.profile().replace("include if", "include of"), tmp_path)


def test_the_profile_is_about_the_launcher_that_is_here() -> None:
    text = apparmor.profile()
    assert f'profile agentos-vm "{namespace.LAUNCHER.resolve()}" ' in text
    assert "\n  userns,\n" in text


def test_a_launcher_with_a_strange_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    strange = tmp_path / 'a b/[c]{d,e}*?^@"x/agentos-init'
    strange.parent.mkdir(parents=True)
    strange.touch()
    monkeypatch.setattr(namespace, "LAUNCHER", strange)
    assert r"\[c\]\{d,e\}\*\?\^\@\"x" in apparmor.profile()
    assert parsed(apparmor.profile(), tmp_path) == ""


def test_doctor_prints_it() -> None:
    command = [sys.executable, "-m", "agentos", "doctor", "--apparmor"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == apparmor.profile()


@pytest.mark.parametrize("step", ["uid_map", "detach from the host's mounts", "mount proc"])
def test_a_user_whom_it_forbids_machines_learns_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, step: str
) -> None:
    setting = tmp_path / "apparmor_restrict_unprivileged_userns"
    setting.write_text("1\n")
    monkeypatch.setattr(apparmor, "_RESTRICTED", setting)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    error = namespace._explain(BootFailed(step, errno.EACCES))
    assert error.code == "user_namespaces_forbidden"
    assert "agentos doctor --apparmor | sudo tee /etc/apparmor.d/agentos-vm" in str(error.hint)
    assert "sudo apparmor_parser -r /etc/apparmor.d/agentos-vm" in str(error.hint)
    setting.write_text("0\n")
    assert "apparmor_parser" not in str(namespace._explain(BootFailed(step, errno.EACCES)).hint)
