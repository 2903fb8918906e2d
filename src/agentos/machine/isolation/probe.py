"""Find out what this host permits, by doing it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import get_args

from agentos.errors import AgentOsError, MachineError
from agentos.machine.isolation.backends import Isolation
from agentos.machine.machine import AgentOs
from agentos.machine.network import NetworkPolicy


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe found.

    Attributes:
        name: The capability.
        ok: Whether it is there.
        detail: What was seen.
        remedy: What to do when it is not there.
        required: Whether nothing works without it.
    """

    name: str
    ok: bool
    detail: str
    remedy: str | None = None
    required: bool = True


async def probe() -> AsyncGenerator[Finding, None]:
    """Build a machine and try each of its capabilities; findings come as they are made."""
    yield _kernel()
    works = False
    async with aclosing(_default()) as findings:
        async for finding in findings:
            works = works or (finding.name == "machine" and finding.ok)
            yield finding
    if works:
        yield await _root_inside()
        yield await _attempt("network by name", _network)
    for kind in get_args(Isolation):
        if kind not in ("namespace", "strong"):
            yield await _kind(kind)


async def _default() -> AsyncGenerator[Finding, None]:
    started = time.perf_counter()
    try:
        async with AgentOs() as vm:
            await vm.exec(["/bin/true"], check=True)
            took = (time.perf_counter() - started) * 1e3
            identity = "root, mapped away" if os.geteuid() == 0 else f"uid {os.geteuid()}"
            yield Finding(
                "machine", True, f"built and ran a command in {took:.1f} ms as {identity}"
            )
            for attempt in (_lockdown, _files, _programs):
                yield await attempt(vm)
    except (AgentOsError, OSError) as error:
        yield _without("machine", error)


async def _kind(kind: Isolation) -> Finding:
    """Build a machine of a kind that must be asked for, and run a command in it."""
    name = f"isolation {kind}"
    started = time.perf_counter()
    try:
        async with AgentOs(isolation=kind) as vm:
            await vm.exec(["/bin/true"], check=True)
    except (AgentOsError, OSError) as error:
        return replace(_without(name, error), required=False)
    took = (time.perf_counter() - started) * 1e3
    return Finding(name, True, f"built, ran a command and ended in {took:.1f} ms", required=False)


def _without(name: str, error: AgentOsError | OSError) -> Finding:
    if isinstance(error, AgentOsError):
        return Finding(name, False, error.message, error.hint)
    return Finding(name, False, str(error))


def _kernel() -> Finding:
    release = os.uname().release
    numbers = [int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit()]
    remedy = "AgentOS needs Linux 5.12 or newer"
    return Finding("kernel", numbers >= [5, 12], f"Linux {release}", remedy)


async def _lockdown(vm: AgentOs) -> Finding:
    status = await vm.exec(["cat", "/proc/self/status"])
    fields = dict(line.split(":\t", 1) for line in status.stdout.splitlines() if ":\t" in line)
    wanted = {"CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
    wrong = [f"{name} is {fields.get(name)}" for name in wanted if fields.get(name) != wanted[name]]
    found = ", ".join(wrong) or "no capabilities, no new privileges, seccomp filter on"
    return Finding("lockdown", not wrong, found, "report this: the machine is weaker than promised")


async def _files(vm: AgentOs) -> Finding:
    await vm.write_file("probe", "seen by both")
    seen = await vm.exec(["cat", "probe"])
    ok = seen.stdout == "seen by both"
    return Finding("files", ok, "host and machine agree" if ok else f"read {seen.stdout!r}")


async def _programs(vm: AgentOs) -> Finding:
    wanted = ("bash", "git", "python3")
    looked = [(name, await vm.exec(f"command -v {name}")) for name in wanted]
    missing = [name for name, result in looked if result.exit_code]
    found = f"missing: {', '.join(missing)}" if missing else f"has {', '.join(wanted)}"
    remedy = f"sudo apt-get install {' '.join(missing)}"
    return Finding("programs in the host image", not missing, found, remedy, required=False)


async def _root_inside() -> Finding:
    """Who only ever runs commands as `agentos` does not miss it."""
    name = "root inside"
    try:
        async with AgentOs(root=True) as vm:
            script = "touch /run/probe && chown 33:33 /run/probe && stat -c %u:%g /run/probe"
            owner = (await vm.exec(script, user="root", check=True)).stdout.strip()
    except AgentOsError as error:
        return Finding(name, False, error.message, error.hint, required=False)
    return Finding(name, owner == "33:33", f"runs commands and gives files to {owner}")


async def _network() -> Finding:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"reached\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        name = f"host.agentos.internal:{port}"
        async with AgentOs(network=NetworkPolicy(allow=[name])) as vm:
            path = f"/dev/tcp/{name.replace(':', '/')}"
            reached = await vm.exec(["bash", "-c", f"cat < {path}"], timeout=20)
            denied = await vm.exec(["getent", "ahosts", "denied.example"], timeout=20)
    ok = reached.stdout == "reached\n" and denied.exit_code != 0
    detail = "an allowed name is reached, another is not" if ok else reached.stderr.strip()
    return Finding("network by name", ok, detail)


async def _attempt(name: str, attempt: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        return await attempt()
    except (MachineError, OSError) as error:
        return Finding(name, False, str(error))
