"""The way out of a machine: round trips, one stream, many connections, beside plain loopback."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from measure import Figure, main

from agentos import AgentOs, NetworkPolicy

ROUNDS = 5
ROUND_TRIPS = 1000
STREAM = 10**9
AT_ONCE = 1000
PER_SECOND, SECONDS = 200, 60

#: Echoes or swallows, as the first byte says; a process of its own, as a server would be.
SERVER = """
import resource, socket, threading
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
print(listener.getsockname()[1], flush=True)
def serve(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with sock:
        if sock.recv(1) == b"E":
            while data := sock.recv(100): sock.sendall(data)
        else:
            buffer = bytearray(1 << 20)
            while sock.recv_into(buffer): pass
            sock.sendall(b"all")
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""

#: Measures from where it runs; prints JSON.
CLIENT = """
import json, resource, socket, sys, time
host, port, what, number, rate = sys.argv[1], int(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
def connect(kind):
    sock = socket.create_connection((host, port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(kind)
    return sock
def ask(sock):
    sock.sendall(b"x" * 64)
    return len(sock.recv(100)) == 64
times = []
start = time.perf_counter()
if what == "round trips":
    sock = connect(b"E")
    for _ in range(number):
        begun = time.perf_counter(); ask(sock); times.append(time.perf_counter() - begun)
    good = number
elif what == "stream":
    sock, block, good = connect(b"S"), bytes(1 << 18), 0
    while good < number:
        sock.sendall(block); good += len(block)
    sock.shutdown(socket.SHUT_WR)
    assert sock.recv(3) == b"all"
elif what == "at once":
    socks = [connect(b"E") for _ in range(number)]
    good = sum(map(ask, socks))
else:
    good = 0
    for index in range(number):
        wait = start + index / rate - time.perf_counter()
        if wait > 0: time.sleep(wait)
        with connect(b"E") as sock: good += ask(sock)
print(json.dumps({"good": good, "seconds": time.perf_counter() - start, "times": times}))
"""


@contextmanager
def server() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


async def on_host(port: int, what: str, number: int, rate: int = 0) -> dict[str, Any]:
    words = ["-c", CLIENT, "127.0.0.1", str(port), what, str(number), str(rate)]
    client = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=subprocess.PIPE)
    said, _ = await client.communicate()
    found: dict[str, Any] = json.loads(said)
    return found


async def in_machine(
    vm: AgentOs, port: int, what: str, number: int, rate: int = 0
) -> dict[str, Any]:
    words = ["-c", CLIENT, "host.agentos.internal", str(port), what, str(number), str(rate)]
    found: dict[str, Any] = json.loads((await vm.exec(["python3", *words], check=True)).stdout)
    return found


def held() -> tuple[int, float]:
    """Descriptors, and memory in MB, of this process."""
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[1])
    return len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def added_round_trip(vm: AgentOs, port: int) -> Figure:
    rounds = []
    for _ in range(ROUNDS):
        here = (await on_host(port, "round trips", ROUND_TRIPS))["times"]
        there = (await in_machine(vm, port, "round trips", ROUND_TRIPS))["times"]
        rounds.append((statistics.median(here) * 1e3, statistics.median(there) * 1e3))
    added = statistics.median(there - here for here, there in rounds)
    here, there = (statistics.median(side) for side in zip(*rounds, strict=True))
    spread = f"p50 {there:.3f} through the gateway, {here:.3f} on loopback"
    return Figure("round trip that the gateway adds, p50", added, "ms", spread, most=0.3)


def cpu() -> float:
    """Seconds of processor time that this process, which is the gateway, has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def one_stream(vm: AgentOs, port: int) -> list[Figure]:
    rounds, used = [], []
    for _ in range(ROUNDS):
        here = (await on_host(port, "stream", STREAM))["seconds"]
        before = cpu()
        rounds.append((here, (await in_machine(vm, port, "stream", STREAM))["seconds"]))
        used.append(cpu() - before)
    here, there = (statistics.median(side) for side in zip(*rounds, strict=True))
    best = STREAM / min(there for _, there in rounds) / 1e6
    spread = f"{STREAM / there / 1e6:.0f} MB/s, best {best:.0f}; loopback {STREAM / here / 1e6:.0f}"
    work = statistics.median(used)
    rate = f"enough for {STREAM / work / 1e6:.0f} MB/s on a core of its own"
    return [
        Figure("1 GB out in one stream", there, "s", spread, there / here, most=1 / 0.6),
        Figure("1 GB out: processor time of the gateway", work, "s", rate, most=1 / 0.6),
    ]


async def many_at_once(vm: AgentOs, port: int) -> Figure:
    found = await in_machine(vm, port, "at once", AT_ONCE)
    missing = AT_ONCE - found["good"]
    spread = f"opened and asked in {found['seconds']:.2f} s"
    return Figure(f"of {AT_ONCE} connections at once, failed", missing, "", spread, most=0)


async def a_minute(vm: AgentOs, port: int) -> list[Figure]:
    await in_machine(vm, port, "rate", 200, PER_SECOND)
    fds, memory = held()
    number = PER_SECOND * SECONDS
    before = cpu()
    found = await in_machine(vm, port, "rate", number, PER_SECOND)
    async with asyncio.timeout(10):
        while held()[0] > fds:  # noqa: ASYNC110 - the last connection ends after its client
            await asyncio.sleep(0.01)
    work = (cpu() - before) / number * 1e3
    fds_after, memory_after = held()
    name = f"{PER_SECOND} connections a second for {SECONDS} s"
    spread = f"{number} connections"
    return [
        Figure(f"{name}: failed", number - found["good"], "", spread, most=0),
        Figure(f"{name}: took", found["seconds"], "s", spread, most=SECONDS * 1.02),
        Figure(f"{name}: processor time for each", work, "ms", spread, most=1e3 / PER_SECOND),
        Figure(f"{name}: descriptors leaked", fds_after - fds, "", spread, most=0),
        Figure(f"{name}: memory grown", memory_after - memory, "MB", spread, most=8),
    ]


async def measure() -> list[Figure]:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with server() as port:
        policy = NetworkPolicy(allow=[f"host.agentos.internal:{port}"])
        async with AgentOs(network=policy) as vm:
            return [
                await added_round_trip(vm, port),
                *await one_stream(vm, port),
                await many_at_once(vm, port),
                *await a_minute(vm, port),
            ]


if __name__ == "__main__":
    main(measure, __doc__)
