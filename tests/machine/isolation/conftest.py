"""A machine of kind `microvm` whose monitor is played, as KVM does not virtualise everywhere."""

from __future__ import annotations

import functools
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import agentos.testing.played_msb
from agentos.machine.isolation import backends
from agentos.machine.isolation.microsandbox import Monitor
from agentos.machine.isolation.microvm import MicrovmMachine
from agentos.machine.machine import AgentOs


@pytest.fixture(scope="session")
def played_monitor(tmp_path_factory: pytest.TempPathFactory) -> Monitor:
    """A directory like microsandbox's with the played `msb` in it."""
    directory = tmp_path_factory.mktemp("monitor")
    directory.chmod(0o755)
    (directory / "bin").mkdir()
    assert agentos.testing.played_msb.__file__
    msb = shutil.copy(agentos.testing.played_msb.__file__, directory / "bin" / "msb")
    Path(msb).chmod(0o755)
    return Monitor(directory)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory of these tests' own."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def played(played_monitor: Monitor, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `isolation="microvm"` be the played monitor, with or without KVM."""

    async def choose() -> backends.Backend:
        return functools.partial(MicrovmMachine.start, played_monitor)

    monkeypatch.setenv("AGENTOS_DATA_DIR", str(data))
    monkeypatch.setattr("agentos.machine.isolation.microvm.DEVICE", "/dev/null")
    monkeypatch.setitem(backends._CHOICES, "microvm", choose)


@pytest.fixture
async def microvm(played: None) -> AsyncIterator[AgentOs]:
    """A machine with the played monitor."""
    async with AgentOs(isolation="microvm") as machine:
        yield machine
