"""Hubs as processes, in a state directory of the test's own; none is left after it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

PATIENCE = 60.0


class Place:
    """A state directory, and the command for it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "state"
        self.home = root / "home"
        self.environment = {
            **os.environ,
            "AGENTOS_STATE_DIR": str(self.state),
            "AGENTOS_HOME": str(self.home),
            "AGENTOS_STORE_URL": f"sqlite:///{root}/agentos.db",
        }

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "agentos", *words]

    def agentos(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=PATIENCE,
            check=False,
        )

    def serve(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command("serve", *words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def up(self) -> dict[str, Any]:
        ran = self.agentos("up", "--port", "0")
        assert ran.returncode == 0, ran.stderr
        return self.running()

    def running(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self.state / "hub.json").read_text())
        return said

    def ask(self, method: str, path: str, token: str = "") -> tuple[int, dict[str, Any]]:
        token = token or (self.state / "token").read_text().strip()
        place = urlsplit(self.running()["url"])
        connection = HTTPConnection(place.hostname or "", place.port, timeout=PATIENCE)
        try:
            headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
            connection.request(method, path, headers=headers)
            response: HTTPResponse = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def processes(self) -> list[int]:
        """The processes that were started for this state directory, apart from zombies."""
        mark = f"AGENTOS_STATE_DIR={self.state}\0".encode()
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
        return found

    def require_nothing_left(self) -> None:
        until = time.monotonic() + PATIENCE
        while left := self.processes():
            assert time.monotonic() < until, left
            time.sleep(0.02)
        assert not (self.state / "hub.json").exists()
        assert not list(self.state.glob(".*"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A state directory without a hub."""
    found = Place(tmp_path)
    yield found
    for pid in found.processes():
        os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + PATIENCE
    while found.processes() and time.monotonic() < until:
        time.sleep(0.02)


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line that a process says."""
    assert process.stdout is not None
    return process.stdout.readline()


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    """End a process with a signal; return its exit code and what it said on stderr."""
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)
    return process.returncode, said
