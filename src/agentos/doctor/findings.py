"""What works on this host, found out by doing it."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from agentos.agents.codex_versions import versions_tested
from agentos.config import data_dir
from agentos.machine.isolation.probe import Finding, probe
from agentos.machine.limits.choose import REMEDY, try_each
from agentos.machine.machine import SOFTWARE, AgentOs
from agentos.machine.network import NetworkPolicy
from agentos.software import CATALOG, software_dir
from agentos.sync.clients import CLIENTS
from agentos.sync.clients.codex_health import hindrances


async def examine() -> AsyncGenerator[Finding, None]:
    """Try each capability; findings come as they are made."""
    machine_works = True
    async with aclosing(probe()) as findings:
        async for finding in findings:
            machine_works = machine_works and (finding.name != "machine" or finding.ok)
            yield finding
    async with aclosing(_software(machine_works)) as findings:
        async for finding in findings:
            yield finding
    if machine_works:
        yield await _network()
    yield await _limits()
    yield _space()
    for finding in _codex():
        yield finding


async def _software(machine_works: bool) -> AsyncGenerator[Finding, None]:
    tested = f"; sessions are tested with {versions_tested()}"
    for name, version_of, more in (("node", "bin/node", ""), ("codex", "bin/codex", tested)):
        version = CATALOG[name].version
        if not (software_dir() / name / version).is_dir():
            remedy = "agentos software install codex (the first session does it too)"
            yield Finding(name, False, f"not installed{more}", remedy, required=False)
        elif machine_works:
            async with AgentOs() as vm:
                ran = await vm.exec([f"{SOFTWARE}/{name}/{version}/{version_of}", "--version"])
            detail = ran.stdout.strip() or ran.stderr.strip()
            remedy = f"agentos software remove {name} && agentos software install {name}"
            yield Finding(name, ran.exit_code == 0, f"runs in a machine: {detail}{more}", remedy)


async def _network() -> Finding:
    async with AgentOs(network=NetworkPolicy(allow=["host.agentos.internal:1"])) as vm:
        redirects = vm.network.redirects
    detail = "every port is watched, and none is taken from servers inside"
    if not redirects:
        detail = "the kernel cannot redirect: allowed ports are taken one by one"
    remedy = "as root: modprobe -a nf_tables nft_tproxy nft_reject_inet nfnetlink_log nft_limit"
    return Finding("network", redirects, detail, remedy, required=False)


async def _limits() -> Finding:
    ways = await try_each()
    detail = ", ".join(f"{limit} by {way}" for limit, way in ways.items())
    bounded = all(way.startswith("cgroup") for way in ways.values())
    return Finding("limits", bounded, detail, REMEDY, required=False)


def _codex() -> Iterator[Finding]:
    """Tell what in Codex's own files does not agree with what sync deploys."""
    for each in hindrances(CLIENTS["codex"].places(os.environ)):
        yield Finding("Codex here", False, each.detail, each.remedy, required=False)


def _space() -> Finding:
    path = data_dir()
    path.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(path).free
    remedy = "free some space, or set AGENTOS_DATA_DIR to a directory on another disk"
    detail = f"{free / 1e9:.1f} GB free at {path}"
    return Finding("disk", free > 1.5e9, detail, remedy, required=False)
