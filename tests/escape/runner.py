"""Make every attempt and print what each showed, as JSON: `python -m tests.escape.runner`.

A program of its own, so that an ordinary user can run it where there is no test framework.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.escape import host_files, kernel, namespaces, processes, sockets
from tests.escape.attempt import Attempt, summary
from tests.escape.host_verbs import TRIALS
from tests.escape.world import SECRET, World, host_world, neighbour

from agentos.machine.commands import User
from agentos.machine.machine import AgentOs

#: Those that lower the machine's own priority and kill its processes come last.
THEMES: dict[str, list[Attempt]] = {
    "files": host_files.ATTEMPTS,
    "namespaces": namespaces.ATTEMPTS,
    "sockets": sockets.ATTEMPTS,
    "kernel": kernel.ATTEMPTS,
    "entry": namespaces.BY_INT80 if os.uname().machine == "x86_64" else [],
    "processes": processes.ATTEMPTS,
}
KIT = Path(__file__).with_name("kit.py")


async def attempts(vm: AgentOs, hints: dict[str, str], user: User) -> dict[str, str]:
    await vm.write_file("kit.py", KIT.read_text())
    shown = {}
    home = vm.environment()["HOME"]
    for theme, rows in THEMES.items():
        for row in rows:
            env = {**hints, "PYTHONPATH": home}
            result = await vm.exec(row.command(), env=env, user=user)
            shown[f"{theme}: {row.name}"] = summary(result.exit_code, result.stdout)
            if SECRET in result.stdout + result.stderr:
                shown[f"{theme}: {row.name}"] = "THE SECRET"
            if result.stderr and result.exit_code:
                shown[f"{theme}: {row.name} (stderr)"] = result.stderr[-500:]
    return shown


async def host_verbs(vm: AgentOs, world: World) -> dict[str, str]:
    shown = {}
    for name, trial, _ in TRIALS:
        text = await trial(vm, world)
        shown[f"host: {name}"] = "THE SECRET" if SECRET in text else text
    return shown


async def run(options: argparse.Namespace) -> dict[str, str]:
    user: User = "root" if options.root else "agentos"
    settings: dict[str, Any] = {"isolation": options.isolation, "root": options.root}
    with host_world() as world:
        secret = os.open(world.secret, os.O_RDONLY)
        os.set_inheritable(os.dup2(secret, 200), True)
        os.environ["HOST_TOKEN"] = SECRET
        async with AgentOs(**settings) as vm, neighbour() as near:
            for program in options.programs:
                await vm.upload(program, program.name)
                await vm.chmod(program.name, 0o755)
            shown = await host_verbs(vm, world)
            shown |= {"user": user, "rows": (await vm.exec(["./every_row"], user=user)).stdout}
            if options.isolation == "landlock":
                shown["rows"] += (await vm.exec(["./every_shared_row"])).stdout
            shown |= await attempts(vm, {**world.hints, **near}, user)
            shown["afterwards"] = (await vm.exec("echo the machine serves")).stdout.strip()
            shown["changed"] = " ".join(world.changed())
        os.close(200)
        os.close(secret)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--isolation", default="namespace")
    parser.add_argument("--root", action="store_true", help="make them as root of the machine")
    parser.add_argument("programs", nargs="*", type=Path, help="compiled ones, to be uploaded")
    json.dump(asyncio.run(run(parser.parse_args())), sys.stdout)


if __name__ == "__main__":
    main()
