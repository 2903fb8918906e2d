"""What the AgentOS home has for a client, in a machine: by the engine that deploys to the host."""

from __future__ import annotations

import asyncio
import os
import tempfile
import weakref
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentos.agents.machine import AgentMachine
from agentos.agents.profile import Profile
from agentos.config import home_dir
from agentos.sessions.machine_files import MachineFiles
from agentos.sync.client import Places
from agentos.sync.clients import CLIENTS
from agentos.sync.clients.codex_profiles import profile_keys
from agentos.sync.desired import Desired
from agentos.sync.loading import load_source
from agentos.sync.plan import Choices
from agentos.sync.run import Sync
from agentos.sync.settings import load_sync_settings
from agentos.sync.store import Store

#: What was deployed, in the machine's home: it goes where the files go, into branches too.
STATE = ".agentos-sync.json"
_deploying: weakref.WeakKeyDictionary[AgentMachine, asyncio.Lock] = weakref.WeakKeyDictionary()


async def deploy_home(
    machine: AgentMachine,
    client: str = "codex",
    *,
    home: Path | None = None,
    choices: Choices | None = None,
) -> None:
    """Deploy the AgentOS home to a client in a machine, as `agentos sync push` does here.

    The entry for the hub is left out: a session says by `mcp_servers=` what it may reach.

    Args:
        machine: The machine.
        client: Such as `codex` or `claude`.
        home: The AgentOS home; by default the user's.
        choices: What to do where the machine changed what was deployed earlier.

    Raises:
        SyncConflict: The machine changed it, and nothing was chosen; nothing was written.
        ConfigInvalid: A file of the home is wrong.

    Example:
        `await deploy_home(vm)`, then `await vm.create_session("codex", profile="planner")`
    """
    source = replace(await asyncio.to_thread(load_source, home), hub=None)
    env = machine.environment()
    desired = CLIENTS[client].desired(source, CLIENTS[client].places(env))
    await deploy(machine, [desired], choices)


async def deploy(
    machine: AgentMachine, desired: Sequence[Desired], choices: Choices | None = None
) -> None:
    """Bring files of a machine to what is desired: all of them, or none.

    Raises:
        SyncConflict: The machine changed what was deployed earlier, and nothing was chosen.
        SyncError: A file cannot be read or written.
    """
    async with _deploying.setdefault(machine, asyncio.Lock()):
        await _deploy(machine, desired, choices)


async def _deploy(
    machine: AgentMachine, desired: Sequence[Desired], choices: Choices | None
) -> None:
    state = f"{machine.environment()['HOME']}/{STATE}"
    known = await machine.read_file(state) if await machine.exists(state) else None
    with tempfile.TemporaryDirectory(prefix="agentos-deploy-", dir=_memory()) as directory:
        memory = Path(directory, "state.json")
        if known is not None:
            memory.write_bytes(known)
        sync = Sync(Store(Path(directory)), MachineFiles(machine, asyncio.get_running_loop()))
        await _to_its_end(asyncio.to_thread(_push, sync, desired, choices))
        if memory.is_file() and (now := memory.read_bytes()) != known:
            await machine.write_file(state, now, mode=0o600)


async def deploy_profile(
    machine: AgentMachine, env: Mapping[str, str], profile: Profile | None
) -> None:
    """Have Codex in a machine find a profile of the AgentOS home that is asked for by name.

    A file of the machine's own goes first; one that came from here is brought up to date.
    """
    if profile is None or profile.text is not None or not home_dir().is_dir():
        return
    settings = await asyncio.to_thread(load_sync_settings)
    found = next((each for each in settings.profiles if each.name == profile.name), None)
    if found is None:
        return
    places: Places = CLIENTS["codex"].places(machine.environment(env))
    keys = profile_keys(found, places.directory)
    ours = f"profile {profile.name}"
    state = f"{machine.environment()['HOME']}/{STATE}"
    deployed = await machine.exists(state) and ours in await machine.read_text(state)
    if deployed or not await machine.exists(str(keys.path)):
        await deploy(machine, [Desired(ours, (keys,))], Choices("theirs"))


def _memory() -> Path | None:
    """Where the engine's own files are soon written: they are of no use after a loss of power."""
    place = Path("/dev/shm")
    return place if os.access(place, os.W_OK | os.X_OK) else None


def _push(sync: Sync, desired: Sequence[Desired], choices: Choices | None) -> None:
    with sync.alone("deploy"):
        sync.apply(sync.plan(desired, choices))


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for work in a thread, also when cancelled: it cannot be stopped half-way."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
