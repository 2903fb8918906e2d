"""Keep a machine's files under a name, and start machines from them."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from agentos.errors import IsolationUnavailable, MachineError
from agentos.machine.branching import standing_still
from agentos.machine.isolation.id_map import require_usable
from agentos.machine.layers.host_image import Image, host_image
from agentos.machine.layers.owner import STAGE, give_to_owner, run_as_owner
from agentos.machine.layers.store import LayerStore, Snapshot

if TYPE_CHECKING:
    from agentos.machine.machine import AgentOs

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


async def snapshot(vm: AgentOs, name: str) -> Snapshot:
    """Copy what a machine wrote into the layer store, under a name."""
    check_name(name)
    store = LayerStore()
    store.require_free(name)
    async with standing_still(vm):
        branch = await vm.running.branch()
        try:
            with contextlib.ExitStack() as kept:
                layers = [kept.enter_context(store.new_layer()) for _ in branch.layers]
                for layer, stage in zip(layers, branch.layers, strict=True):
                    copy = ["/bin/cp", "-a", "--", f"{STAGE}/upper/.", "."]
                    await give_to_owner(branch.ids, store.upper(layer))
                    await run_as_owner(branch.ids, store.upper(layer), copy, stage=stage)
                stack = [*layers, *vm.image.layers]
                return store.add(name, stack, branch.ids, vm.image.config)
        finally:
            branch.close()


def check_name(name: str) -> None:
    """See to it that a snapshot can have this name.

    Raises:
        MachineError: It is no name.
    """
    if not _NAME.fullmatch(name) or name == "host":
        raise MachineError(
            f"{name!r} is no name for a snapshot",
            code="name_invalid",
            hint="use letters, digits, dots, dashes and underscores; not host",
        )


def require_own(snapshot: Snapshot) -> None:
    """See to it that the caller has the ids of a snapshot's files.

    Raises:
        IsolationUnavailable: They are another user's, or were lent and are not any more.
    """
    try:
        require_usable(snapshot.ids)
    except IsolationUnavailable as error:
        error.message = f"{snapshot.name} cannot be used: {error.message}"
        raise


def image_of(snapshot: Snapshot) -> Image:
    """Return the image that starts from a snapshot: on this host's programs, or on nothing.

    Raises:
        MachineError: A layer is gone, or the files are not the caller's any more.
    """
    require_own(snapshot)
    store = LayerStore()
    held = store.hold(snapshot.layers)
    if snapshot.config is not None:
        return Image(
            lowers=tuple(store.upper(layer) for layer in snapshot.layers),
            binds=(),
            hidden=(),
            lock=held[0],
            held=tuple(held[1:]),
            layers=snapshot.layers,
            ids=snapshot.ids,
            config=snapshot.config,
        )
    try:
        host = host_image()
    except BaseException:
        for fd in held:
            os.close(fd)
        raise
    return Image(
        lowers=(*(store.upper(layer) for layer in snapshot.layers), *host.lowers),
        binds=host.binds,
        hidden=host.hidden,
        lock=host.lock,
        held=tuple(held),
        layers=snapshot.layers,
        ids=snapshot.ids,
    )
