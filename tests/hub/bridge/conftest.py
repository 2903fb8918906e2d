"""The real `agentos mcp`, and the hub that it finds or starts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

AGENTOS = (sys.executable, "-m", "agentos")
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "claude-code", "version": "2.1"},
}


class Setup:
    """An AgentOS home and a state directory of the test's own."""

    def __init__(self, place: Path) -> None:
        self.home = place / "home"
        self.state = place / "state"
        self.pages = self.home / "context-portfolio"
        self.env = {
            **os.environ,
            "AGENTOS_HOME": str(self.home),
            "AGENTOS_STATE_DIR": str(self.state),
            "AGENTOS_STORE_URL": f"sqlite:///{place}/agentos.db",
        }
        self.pages.mkdir(parents=True)
        (self.pages / "identity.md").write_text("# Identity\n\nAda likes tea.\n")
        self.configure("port = 0")

    def configure(self, hub: str, rest: str = "") -> None:
        """Write `agentos.toml`: what it says of the hub, and the rest."""
        (self.home / "agentos.toml").write_text(f"[hub]\n{hub}\n{rest}")

    def agentos(self, *words: str) -> str:
        """Run the command line."""
        ran = subprocess.run([*AGENTOS, *words], env=self.env, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    @property
    def running(self) -> dict[str, Any] | None:
        """What the hub says of itself."""
        try:
            said: dict[str, Any] = json.loads((self.state / "hub.json").read_text())
        except FileNotFoundError:
            return None
        return said

    def kill_hub(self) -> None:
        """End the hub as a crash does."""
        assert self.running is not None
        pid = self.running["pid"]
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}").exists() and _alive(pid):
            pass


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class BridgeClient:
    """A client that speaks to the bridge line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.heard: list[dict[str, Any]] = []
        self._id = 0

    async def send(self, method: str, params: object = None, *, id: int | None = None) -> None:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        message |= {} if id is None else {"id": id}
        message |= {} if params is None else {"params": params}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        await self.process.stdin.drain()

    async def next(self) -> dict[str, Any]:
        """Return the next message, whatever it is."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            line = await self.process.stdout.readline()
        assert line, "the bridge has ended"
        message: dict[str, Any] = json.loads(line)
        return message

    async def ask(self, method: str, params: object = None) -> dict[str, Any]:
        """Ask and return the answer; what comes in between is in `heard`."""
        self._id += 1
        await self.send(method, {} if params is None else params, id=self._id)
        while (message := await self.next()).get("id") != self._id:
            self.heard.append(message)
        return message

    async def hello(self) -> dict[str, Any]:
        """Begin as clients do."""
        answer = await self.ask("initialize", HELLO)
        await self.send("notifications/initialized")
        result: dict[str, Any] = answer["result"]
        return result

    async def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool and return its result."""
        answer = await self.ask("tools/call", {"name": tool, "arguments": arguments})
        result: dict[str, Any] = answer["result"]
        return result

    async def hear(self, method: str) -> dict[str, Any]:
        """Wait for a notification."""
        while True:
            for message in self.heard:
                if message.get("method") == method:
                    self.heard.remove(message)
                    return message
            self.heard.append(await self.next())


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    """A home without a hub; whatever hub is there at the end is ended."""
    made = Setup(tmp_path)
    yield made
    made.agentos("down")


Bridges = Callable[..., AbstractAsyncContextManager[BridgeClient]]


@pytest.fixture
def bridge(setup: Setup) -> Bridges:
    """Start bridges, as clients do."""

    @asynccontextmanager
    async def start(**env: str) -> AsyncIterator[BridgeClient]:
        process = await asyncio.create_subprocess_exec(
            *(*AGENTOS, "mcp"),
            env={**setup.env, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            limit=2**24,
        )
        try:
            yield BridgeClient(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            async with asyncio.timeout(30):
                assert await process.wait() == 0

    return start


def text_of(result: dict[str, Any]) -> str:
    """Return what a model reads."""
    return "\n".join(part["text"] for part in result["content"])
