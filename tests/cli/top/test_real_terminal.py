"""`agentos top` in a terminal of 80 by 24, over real hubs that come and go."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyte
import pytest

PATIENCE = 60.0
#: What an emulator is told when the screen is given back: the normal one, and a cursor.
GIVEN_BACK = (b"\x1b[?1049l", b"\x1b[?25h")


class Place:
    """A state directory of the test's own, its hub, and `agentos top` in a terminal."""

    def __init__(self, root: Path) -> None:
        self.state = root / "state"
        self.environment = {
            **os.environ,
            "AGENTOS_STATE_DIR": str(self.state),
            "AGENTOS_HOME": str(root / "home"),
            "AGENTOS_STORE_URL": f"sqlite:///{root}/agentos.db",
            "CODEX_HOME": str(root / "codex"),
            "CLAUDE_CONFIG_DIR": str(root / "claude"),
            "TERM": "xterm-256color",
        }
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)
        self.output = b""
        self._master, self._terminal = pty.openpty()
        termios.tcsetwinsize(self._terminal, (24, 80))
        self.before = termios.tcgetattr(self._terminal)
        self.top: subprocess.Popen[bytes] | None = None

    def agentos(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "agentos", *words],
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=PATIENCE,
            check=False,
        )

    def up(self) -> str:
        ran = self.agentos("up", "--port", "0")
        assert ran.returncode == 0, ran.stderr
        return str(self.running()["url"])

    def running(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self.state / "hub.json").read_text())
        return said

    def start(self) -> None:
        self.top = subprocess.Popen(
            [sys.executable, "-m", "agentos", "top"],
            stdin=self._terminal,
            stdout=self._terminal,
            stderr=self._terminal,
            env=self.environment,
            start_new_session=True,
        )

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)

    def until(self, *words: str) -> None:
        """Draw until all of these are seen."""
        end = time.monotonic() + PATIENCE
        while not all(word in self.text for word in words):
            assert time.monotonic() < end, f"not seen: {words}\n{self.text}"
            self._draw(0.05)

    def ended(self) -> int:
        """The exit code of the program, once it has ended and all it said is drawn."""
        assert self.top is not None
        end = time.monotonic() + PATIENCE
        while self.top.poll() is None:
            assert time.monotonic() < end, self.text
            self._draw(0.05)
        while self._draw(0.0):
            pass
        return self.top.returncode

    def require_clean(self) -> None:
        """The terminal is as it was: its modes, its screen, its cursor, no mouse reports."""
        assert termios.tcgetattr(self._terminal) == self.before
        for words in GIVEN_BACK:
            assert words in self.output[-500:], self.output.decode(errors="replace")[-4000:]
        assert self.output.rindex(b"\x1b[?1000l") > self.output.rindex(b"\x1b[?1000h")

    def _draw(self, wait: float) -> bool:
        if not select.select([self._master], [], [], wait)[0]:
            return False
        said = os.read(self._master, 65536)
        self.output += said
        self._stream.feed(said)
        return True

    def close(self) -> None:
        if self.top is not None and self.top.poll() is None:
            self.top.kill()
            self.top.wait()
        self.agentos("down")
        os.close(self._master)
        os.close(self._terminal)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A state directory without a hub."""
    found = Place(tmp_path)
    yield found
    found.close()


def test_hub_killed_and_started_again_under_it(place: Place) -> None:
    place.start()
    place.until("no hub runs: this is what is kept; `agentos up` starts one", "1 Sessions")
    url = place.up()
    place.until(f"AgentOS hub {url}")
    os.kill(place.running()["pid"], signal.SIGKILL)
    place.until("no hub runs")
    url = place.up()
    place.until(f"AgentOS hub {url}")
    place.type(b"4")
    place.until("filter: words of a line")
    place.agentos("down")
    place.until("no hub runs")
    place.type(b"q")
    assert place.ended() == 0
    place.require_clean()


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("ctrl-c", 0),
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
    ],
)
def test_terminal_is_left_clean(place: Place, ending: str | signal.Signals, code: int) -> None:
    place.start()
    place.until("no hub runs", "1 Sessions", "Quit")
    if isinstance(ending, signal.Signals):
        assert place.top is not None
        place.top.send_signal(ending)
    else:
        place.type(b"\x03")
    assert place.ended() == code
    place.require_clean()


def test_needs_a_terminal(place: Place) -> None:
    ran = place.agentos("top")
    assert ran.returncode == 1
    assert "draws on a terminal" in ran.stderr
    assert "agentos top --once" in ran.stderr


def test_once_and_json(place: Place) -> None:
    ran = place.agentos("top", "--once")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("no hub runs")
    for part in ("SESSIONS", "APPROVALS", "COSTS TODAY", "BUDGETS", "LOG"):
        assert part in ran.stdout
    url = place.up()
    ran = place.agentos("top", "--json")
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert (said["reach"], said["place"], said["sessions"]) == ("hub", url, [])
    assert "\x1b" not in place.agentos("top", "--once").stdout
