"""The model gateway between a client and a provider: time added, streams at once, memory."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import Figure, main

from agentos.models.gateway import Binding, ModelGateway
from agentos.models.providers import Provider

ROUNDS = 400
CALLS = 10_000
STREAMS = 500
#: As large as what Codex sends in the first turn of a session.
BODY = json.dumps({"model": "m", "stream": True, "input": "x" * 60_000}).encode()
EVENT = b'data: {"type":"response.output_text.delta","delta":"hello"}\n\n'
USAGE = (
    b'data: {"type":"response.completed","response":{"id":"r","model":"m",'
    b'"usage":{"input_tokens":10,"output_tokens":5}}}\n\n'
)
END = b"0\r\n\r\n"
BIG = b"x" * 65_000 + b"\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def provider(report: int) -> None:
    """Answer at once; a path that asks for it is answered late, or without end."""
    hold = asyncio.Event()
    held = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal held
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        head += b"transfer-encoding: chunked\r\n\r\n"
        try:
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                at = asked.lower().index(b"content-length: ") + 16
                await reader.readexactly(int(asked[at : asked.index(b"\r", at)]))
                if b"?held" in asked:
                    held += 1
                    writer.write(head + chunk(EVENT))
                    if held == STREAMS:
                        hold.set()
                    await hold.wait()
                    writer.write(chunk(USAGE) + END)
                elif b"?big" in asked:
                    writer.write(head)
                    for _ in range(2000):
                        writer.write(chunk(BIG))
                        await writer.drain()
                    writer.write(END)
                else:
                    writer.write(head + chunk(EVENT) + chunk(USAGE) + END)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    os.write(report, f"{server.sockets[0].getsockname()[1]}\n".encode())
    await server.serve_forever()


async def gateway(report: int, upstream: int) -> None:
    played = Provider("played", f"http://127.0.0.1:{upstream}/v1", "sk-dummy", retries=0)
    async with ModelGateway([played]) as gateway:
        port = await gateway.doors.open("machine")
        key = gateway.keys.mint("machine")
        gateway.keys.bind(key, Binding("played"))
        os.write(report, f"{port} {key}\n".encode())
        await asyncio.Event().wait()


@contextmanager
def started(*role: str) -> Iterator[tuple[int, str]]:
    """Run a part of the benchmark in a process of its own; yield its pid and its first line."""
    read, write = os.pipe()
    command = [sys.executable, __file__, "--role", *role, "--report", str(write)]
    process = subprocess.Popen(command, pass_fds=(write,))
    os.close(write)
    try:
        with os.fdopen(read) as lines:
            yield process.pid, lines.readline().strip()
    finally:
        process.kill()
        process.wait()


def request(key: str, query: str = "") -> bytes:
    return (
        b"POST /v1/responses%s HTTP/1.1\r\nhost: models\r\nauthorization: Bearer %s\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
        % (query.encode(), key.encode(), len(BODY), BODY)
    )


class Connection:
    """A kept connection that takes the time to the first byte of an answer's body."""

    def __init__(self, port: int, key: str) -> None:
        self._port, self._asking = port, request(key)

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def ask(self) -> float:
        start = time.perf_counter()
        self._writer.write(self._asking)
        await self._reader.readuntil(b"data: ")
        seconds = time.perf_counter() - start
        await self._reader.readuntil(END)
        return seconds


async def latency(direct: Connection, through: Connection) -> list[Figure]:
    pairs = []
    for n in range(-50, ROUNDS):
        pair = await direct.ask(), await through.ask()
        if n >= 0:
            pairs.append(pair)
    added = sorted((b - a) * 1e3 for a, b in pairs)

    def cut(part: float) -> float:
        return added[int(part * ROUNDS)]

    return [
        Figure(
            "model gateway: added to the first byte, p50",
            statistics.median(added),
            "ms",
            f"p10 {cut(0.1):.2f}, p90 {cut(0.9):.2f}, p99 {cut(0.99):.2f}; "
            f"direct {statistics.median(a for a, _ in pairs) * 1e3:.2f}; {ROUNDS} pairs",
            most=1.5,
        )
    ]


async def many_calls(through: Connection, pid: int) -> list[Figure]:
    for _ in range(CALLS // 5):
        await through.ask()
    before, cpu = resident(pid), cpu_seconds(pid)
    for _ in range(CALLS):
        await through.ask()
    used = (cpu_seconds(pid) - cpu) / CALLS
    return [
        Figure(
            f"model gateway: memory gained over {CALLS:,} calls",
            (resident(pid) - before) / 1e6,
            "MB",
            f"of {before / 1e6:.0f} MB",
            most=2.0,
        ),
        Figure("model gateway: processor time of a call", used * 1e3, "ms"),
    ]


async def many_streams(port: int, key: str, pid: int) -> list[Figure]:
    before, cpu = resident(pid), cpu_seconds(pid)

    async def stream() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(key, "?held"))
        answer = await reader.readuntil(END)
        writer.close()
        await writer.wait_closed()
        return answer

    answers = await asyncio.gather(*(stream() for _ in range(STREAMS)))
    whole = sum(EVENT in answer and USAGE in answer for answer in answers)
    return [
        Figure(
            "model gateway: streams at once that broke", STREAMS - whole, f"of {STREAMS}", most=0
        ),
        Figure(
            "model gateway: memory of a stream",
            (resident(pid) - before) / STREAMS / 1e3,
            "KB",
            f"{(cpu_seconds(pid) - cpu) / STREAMS * 1e3:.2f} ms of processor time each",
        ),
    ]


async def slow_reader(port: int, key: str, pid: int) -> list[Figure]:
    before = resident(pid)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(request(key, "?big"))
        await asyncio.sleep(2)
        gained = (resident(pid) - before) / 1e6
    name = "model gateway: memory for a client that does not read 130 MB"
    return [Figure(name, gained, "MB", most=8.0)]


def resident(pid: int) -> int:
    """Return a process's resident memory, in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure() -> list[Figure]:
    with started("provider") as (_, upstream), started("gateway", upstream) as (pid, said):
        port, key = said.split()
        direct, through = Connection(int(upstream), key), Connection(int(port), key)
        await direct.open()
        await through.open()
        figures = await latency(direct, through)
        figures += await many_calls(through, pid)
        figures += await many_streams(int(port), key, pid)
        figures += await slow_reader(int(port), key, pid)
        return figures


if __name__ == "__main__":
    if sys.argv[1:2] == ["--role"]:
        role, *given, _, report_to = sys.argv[2:]
        part = provider(int(report_to)) if role == "provider" else None
        asyncio.run(part or gateway(int(report_to), int(given[0])))
    else:
        main(measure, __doc__)
