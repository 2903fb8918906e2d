"""`agentos doctor`: what works on this host, found out by doing it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.event_loop import run_command
from agentos.cli.options import Json

if TYPE_CHECKING:
    from agentos.machine.isolation.probe import Finding


def doctor(
    as_json: Json = False,
    apparmor: Annotated[
        bool,
        typer.Option("--apparmor", help="Print the AppArmor profile that newer Ubuntu needs."),
    ] = False,
) -> None:
    """Try each capability and say how to get what is missing."""
    if apparmor:
        from agentos.machine.isolation.apparmor import profile

        typer.echo(profile(), nl=False)
        return
    if not run_command(_examine(as_json)):
        raise typer.Exit(1)


async def _examine(as_json: bool) -> bool:
    healthy = True
    async for finding in _findings():
        healthy = healthy and (finding.ok or not finding.required)
        if as_json:
            typer.echo(json.dumps(asdict(finding)))
            continue
        mark = "ok     " if finding.ok else "MISSING" if finding.required else "absent "
        typer.echo(f"{mark}  {finding.name}: {finding.detail}")
        if not finding.ok and finding.remedy:
            typer.echo(f"         -> {finding.remedy}")
    return healthy


async def _findings() -> AsyncIterator[Finding]:
    from agentos.machine.isolation.probe import probe

    machine_works = True
    async for finding in probe():
        machine_works = machine_works and (finding.name != "machine" or finding.ok)
        yield finding
    async for finding in _software(machine_works):
        yield finding
    if machine_works:
        yield await _network()
    yield await _limits()
    yield _space()
    for finding in _codex():
        yield finding


async def _software(machine_works: bool) -> AsyncIterator[Finding]:
    from agentos.agents.codex_versions import versions_tested
    from agentos.machine.isolation.probe import Finding
    from agentos.machine.machine import SOFTWARE, AgentOs
    from agentos.software import CATALOG, software_dir

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
    from agentos.machine.isolation.probe import Finding
    from agentos.machine.machine import AgentOs
    from agentos.machine.network import NetworkPolicy

    async with AgentOs(network=NetworkPolicy(allow=["host.agentos.internal:1"])) as vm:
        redirects = vm.network.redirects
    detail = "every port is watched, and none is taken from servers inside"
    if not redirects:
        detail = "the kernel cannot redirect: allowed ports are taken one by one"
    remedy = "as root: modprobe -a nf_tables nft_tproxy nft_reject_inet nfnetlink_log nft_limit"
    return Finding("network", redirects, detail, remedy, required=False)


async def _limits() -> Finding:
    from agentos.machine.isolation.probe import Finding
    from agentos.machine.limits.choose import REMEDY, try_each

    ways = await try_each()
    detail = ", ".join(f"{limit} by {way}" for limit, way in ways.items())
    bounded = all(way.startswith("cgroup") for way in ways.values())
    return Finding("limits", bounded, detail, REMEDY, required=False)


def _codex() -> Iterator[Finding]:
    """Tell what in Codex's own files does not agree with what sync deploys."""
    import os

    from agentos.machine.isolation.probe import Finding
    from agentos.sync.clients import CLIENTS
    from agentos.sync.clients.codex_health import hindrances

    for each in hindrances(CLIENTS["codex"].places(os.environ)):
        yield Finding("Codex here", False, each.detail, each.remedy, required=False)


def _space() -> Finding:
    import shutil

    from agentos.config import data_dir
    from agentos.machine.isolation.probe import Finding

    path = data_dir()
    path.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(path).free
    remedy = "free some space, or set AGENTOS_DATA_DIR to a directory on another disk"
    detail = f"{free / 1e9:.1f} GB free at {path}"
    return Finding("disk", free > 1.5e9, detail, remedy, required=False)
