"""The hub over MCP: a call's time over HTTP, calls a second on one core, the bridge's start."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measure import Figure, main

ROUNDS = 1000
CALLS = 4000
CLIENTS = 8
STARTS = 10
AGENTOS = [sys.executable, "-m", "agentos"]
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}


@dataclass(frozen=True)
class RunningHub:
    """A hub that serves a fresh AgentOS home."""

    port: int
    pid: int
    token: str

    def request(self) -> bytes:
        """Word a call of `read_portfolio_file`."""
        params = {"name": "read_portfolio_file", "arguments": {"name": "identity"}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        body = json.dumps(message).encode()
        head = (
            f"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n"
            f"authorization: Bearer {self.token}\r\ncontent-type: application/json\r\n"
            "accept: application/json, text/event-stream\r\nmcp-protocol-version: 2025-06-18\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running_hub(place: Path) -> Iterator[RunningHub]:
    """Make a home and have a hub serve it, on one core."""
    os.environ["AGENTOS_HOME"] = str(place / "home")
    os.environ["AGENTOS_STATE_DIR"] = str(place / "state")
    os.environ["AGENTOS_STORE_URL"] = f"sqlite:///{place / 'agentos.db'}"
    subprocess.run([*AGENTOS, "init"], check=True, stdout=subprocess.DEVNULL)
    # The bound on requests is against runaway clients, and so many are meant here.
    subprocess.run([*AGENTOS, "config", "set", "hub.requests_per_minute", "10000000"], check=True)
    subprocess.run([*AGENTOS, "up", "--port", "0"], check=True, stdout=subprocess.DEVNULL)
    try:
        state = json.loads((place / "state" / "hub.json").read_text())
        os.sched_setaffinity(state["pid"], {0})
        os.sched_setaffinity(
            0, set(range(1, os.cpu_count() or 1)) or {0}
        )  # the clients take the others
        token = (place / "state" / "token").read_text().strip()
        yield RunningHub(state["port"], state["pid"], token)
    finally:
        subprocess.run([*AGENTOS, "down"], check=True, stdout=subprocess.DEVNULL)


class Client:
    """A kept connection that makes the same call again and again."""

    def __init__(self, hub: RunningHub) -> None:
        self._port, self._asking = hub.port, hub.request()

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def ask(self) -> float:
        """Make a call; return its seconds."""
        start = time.perf_counter()
        self._writer.write(self._asking)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200"), head
        at = head.index(b"content-length: ") + 16
        await self._reader.readexactly(int(head[at : head.index(b"\r", at)]))
        return time.perf_counter() - start


async def calls(hub: RunningHub) -> list[Figure]:
    clients = [Client(hub) for _ in range(CLIENTS)]
    for client in clients:
        await client.open()
    one = clients[0]
    for _ in range(50):
        await one.ask()
    times = sorted([await one.ask() * 1e3 for _ in range(ROUNDS)])
    cpu, start = hub.cpu_seconds(), time.perf_counter()

    async def many(client: Client) -> None:
        for _ in range(CALLS // CLIENTS):
            await client.ask()

    await asyncio.gather(*map(many, clients))
    seconds, used = time.perf_counter() - start, hub.cpu_seconds() - cpu
    spread = f"p10 {times[ROUNDS // 10]:.2f}, p99 {times[ROUNDS * 99 // 100]:.2f}; {ROUNDS} calls"
    return [
        Figure("hub: read_portfolio_file over HTTP, p50", times[ROUNDS // 2], "ms", spread, most=4),
        Figure(
            "hub: read_portfolio_file, a second on one core",
            CALLS / seconds,
            "",
            f"{CLIENTS} connections; {used / CALLS * 1e3:.2f} ms of processor time each",
            least=600,
        ),
    ]


async def bridge_start() -> Figure:
    """Time from the start of `agentos mcp` to its answer to `initialize`."""
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
    times = []
    for _ in range(STARTS):
        start = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *AGENTOS, "mcp", stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(hello).encode() + b"\n")
        assert b"protocolVersion" in await process.stdout.readline()
        times.append((time.perf_counter() - start) * 1e3)
        process.stdin.close()
        await process.wait()
    times.sort()
    spread = f"{times[0]:.0f} to {times[-1]:.0f}; {STARTS} starts, the hub is up"
    return Figure("hub: bridge, from start to initialize", statistics.median(times), "ms", spread)


async def measure() -> list[Figure]:
    with (
        tempfile.TemporaryDirectory(prefix="agentos-benchmark-") as place,
        running_hub(Path(place)) as hub,
    ):
        return [*await calls(hub), await bridge_start()]


if __name__ == "__main__":
    main(measure, __doc__)
