"""The kinds of isolation, and which of them a machine gets."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, Protocol, get_args

from agentos.errors import IsolationUnavailable, MachineError
from agentos.machine.channel import Channel
from agentos.machine.isolation.branch import Branch
from agentos.machine.isolation.id_map import IdMap
from agentos.machine.layers.host_image import Image

Isolation = Literal["namespace", "gvisor", "microvm", "landlock", "strong"]


class RunningMachine(Protocol):
    """What every kind of isolation makes.

    Attributes:
        channel: To the init that opens its files, mounts and listens.
        commands: To the init that runs its commands; of namespaces it is the same one.
        ids: Which ids of the host its ids are.
        layers: How many layers it has below its own.
        is_one_process: Whether its commands are one process to the host, which has back at once
            what one of them frees.
    """

    @property
    def channel(self) -> Channel: ...
    @property
    def commands(self) -> Channel: ...
    @property
    def ids(self) -> IdMap: ...
    @property
    def layers(self) -> int: ...
    @property
    def is_one_process(self) -> bool: ...

    async def branch(self, *, copy: bool = False) -> Branch: ...
    async def close(self) -> None: ...


class Backend(Protocol):
    """Starts machines of one kind; the arguments are those of `NamespaceMachine.start`."""

    async def __call__(
        self,
        find_image: Callable[[], Image],
        /,
        *,
        hostname: str = ...,
        size: str = ...,
        binds: tuple[tuple[Path, str], ...] = ...,
        branch: Branch | None = ...,
        open_files: int | None = ...,
        on_lost: Callable[[MachineError], None] | None = ...,
    ) -> RunningMachine: ...


def check(isolation: str) -> None:
    """Refuse a name that stands for no kind of isolation."""
    known = get_args(Isolation)
    if isolation not in known:
        raise IsolationUnavailable(
            f"there is no isolation {isolation!r}",
            code="isolation_unknown",
            hint="use one of " + ", ".join(f'"{name}"' for name in known),
        )


async def choose(isolation: Isolation) -> Backend:
    """Return what starts machines of a kind; of "strong" it is the strongest that is here.

    Raises:
        IsolationUnavailable: This host does not have it; nothing weaker is taken instead.
    """
    if isolation == "strong":
        return await _choose_strong()
    return await _CHOICES[isolation]()


async def _choose_strong() -> Backend:
    reasons = []
    kinds: tuple[Isolation, ...] = ("microvm", "gvisor")
    for kind in kinds:
        try:
            return await choose(kind)
        except IsolationUnavailable as error:
            reasons.append(f"{kind}: {error.message}" + f" ({error.hint})" * bool(error.hint))
    raise IsolationUnavailable(
        f"there is no strong isolation on this host: {'; '.join(reasons)}",
        code="strong_unavailable",
        hint='make one of them available, or ask by name for a weaker one, such as "namespace"',
    )


async def _namespace() -> Backend:
    from agentos.machine.isolation.namespace import NamespaceMachine

    return NamespaceMachine.start


async def _landlock() -> Backend:
    from agentos.machine.isolation import landlock

    landlock.require()
    return landlock.LandlockMachine.start


async def _gvisor() -> Backend:
    from agentos.machine.isolation.gvisor import GvisorMachine
    from agentos.machine.isolation.runsc import find_runsc

    find_runsc()
    return GvisorMachine.start


async def _microvm() -> Backend:
    from agentos.machine.isolation.kvm_probe import require_kvm
    from agentos.machine.isolation.microsandbox import find_monitor
    from agentos.machine.isolation.microvm import MicrovmMachine

    await require_kvm()  # first: without it no package helps
    return functools.partial(MicrovmMachine.start, find_monitor())


_CHOICES: dict[str, Callable[[], Awaitable[Backend]]] = {
    "namespace": _namespace,
    "gvisor": _gvisor,
    "microvm": _microvm,
    "landlock": _landlock,
}
