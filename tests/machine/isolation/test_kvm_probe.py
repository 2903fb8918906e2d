"""The probe of KVM: against this host's KVM, and against guests that misbehave."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path

import pytest
from tests.conftest import Footprint

from agentos.errors import IsolationUnavailable
from agentos.machine.isolation import kvm_guest
from agentos.machine.isolation.kvm_probe import TOO_SLOW, judge, probe_kvm, require_kvm

on_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="the guest is x86 code")


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


async def test_a_finding_says_what_was_measured() -> None:
    finding = await probe_kvm()
    if finding.per_iteration is None:
        assert finding.code in ("kvm_missing", "kvm_unmeasured", "kvm_too_slow")
        assert finding.detail
    else:
        assert finding.usable == (finding.per_iteration < TOO_SLOW)
        assert f"{finding.per_iteration * 1e9:.1f} ns" in finding.detail


async def test_what_is_required_is_there_or_a_typed_error() -> None:
    finding = await probe_kvm()
    if finding.usable:
        assert (await require_kvm()).usable
    else:
        with pytest.raises(IsolationUnavailable) as caught:
            await require_kvm()
        assert caught.value.code == finding.code
        assert caught.value.message.startswith("KVM is of no use here: ")


@on_x86
async def test_a_guest_that_never_returns_is_killed(tmp_path: Path) -> None:
    before = Footprint.now()
    hanging = program(tmp_path / "hanging.py", "import time\ntime.sleep(1000)\n")
    finding = await probe_kvm("/dev/null", patience=0.2, guest=hanging)
    assert finding.code == "kvm_too_slow"
    assert finding.detail == "a guest's loop did not end within 0.2 s"
    assert Footprint.now().grown_since(before) == []


@on_x86
async def test_a_device_that_is_not_kvm_is_told_apart() -> None:
    finding = await probe_kvm("/dev/null")
    assert (finding.code, finding.per_iteration) == ("kvm_missing", None)
    assert finding.detail == "KVM runs no guest: Inappropriate ioctl for device"


@on_x86
async def test_a_missing_device_and_a_closed_one(tmp_path: Path) -> None:
    missing = await probe_kvm(str(tmp_path / "kvm"))
    assert (missing.code, missing.detail) == ("kvm_missing", f"there is no {tmp_path}/kvm")
    directory = await probe_kvm(str(tmp_path))
    assert (directory.code, directory.detail) == ("kvm_missing", f"{tmp_path}: Is a directory")
    if os.geteuid() != 0:
        closed = tmp_path / "closed"
        closed.touch(0)
        refused = await probe_kvm(str(closed))
        assert refused.hint == "sudo usermod -aG kvm $USER, then log in again"


@on_x86
async def test_a_guest_program_that_crashes_is_a_finding(tmp_path: Path) -> None:
    crashing = program(tmp_path / "crashing.py", "raise SystemError('no such luck')\n")
    finding = await probe_kvm("/dev/null", guest=crashing)
    assert finding.code == "kvm_missing"
    assert "no such luck" in finding.detail


async def test_another_processor_is_said_to_be_unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    finding = await probe_kvm()
    assert finding.code == "kvm_unmeasured"
    assert "aarch64" in finding.detail


@pytest.mark.parametrize(
    ("nanoseconds", "code"), [(0.4, "kvm_works"), (6, "kvm_works"), (595, "kvm_too_slow")]
)
def test_the_figure_decides(nanoseconds: float, code: str) -> None:
    finding = judge({"iterations": 65535, "seconds": nanoseconds * 65535e-9})
    assert finding.code == code
    assert finding.usable == (code == "kvm_works")


def test_the_guest_program_reports_errors_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["kvm_guest.py", "/dev/null"])
        kvm_guest.main()
    assert json.loads(capsys.readouterr().out)["error"] == 25
