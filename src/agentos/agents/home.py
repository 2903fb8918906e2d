"""Putting an agent's own files into the home directory of a machine."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from agentos.agents.machine import AgentMachine
from agentos.errors import ConfigInvalid

_MOST = 64 * 2**20


async def fill_home(machine: AgentMachine, source: Path) -> None:
    """Copy the files of a directory of the host into a machine's home directory.

    A file that is there already stays as it is: the machine may have changed it.

    Raises:
        ConfigInvalid: The directory is missing or too large.
    """
    home = machine.environment()["HOME"]
    made: set[str] = set()
    for path, content in (await asyncio.to_thread(_files, source)).items():
        target = f"{home}/{path}"
        if await _is_there(machine, target):
            continue
        folder = os.path.dirname(target)
        if folder not in made:
            await machine.mkdir(folder, parents=True)
            made.add(folder)
        await machine.write_file(target, content)


async def _is_there(machine: AgentMachine, path: str) -> bool:
    try:
        await machine.read_file(path)
    except FileNotFoundError:
        return False
    return True


def _files(source: Path) -> dict[str, bytes]:
    if not source.is_dir():
        raise ConfigInvalid(
            f"the agent's home {source} is no directory", hint="home names a directory of the host"
        )
    found: dict[str, bytes] = {}
    size = 0
    for folder, _, names in os.walk(source):
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_symlink() or not path.is_file():
                raise ConfigInvalid(f"{path} is no plain file, so it cannot go into a machine")
            size += path.stat().st_size
            if size > _MOST:
                raise ConfigInvalid(
                    f"the agent's home {source} holds more than {_MOST >> 20} MB",
                    hint="mount large things into the machine, or name them in software",
                )
            found[str(path.relative_to(source))] = path.read_bytes()
    return found
