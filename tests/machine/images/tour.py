"""An image imported and used by whoever runs this; its root file system is the one argument."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable
from pathlib import Path

from agentos import AgentOs, MachineError
from agentos.machine.images.importing import import_image
from agentos.machine.layers.store import LayerStore


async def refusal(call: Awaitable[object]) -> str:
    try:
        await call
    except MachineError as error:
        return error.code if error.hint else "no hint"
    return "nothing was refused"


async def main() -> None:
    await import_image("mine", Path(sys.argv[1]))
    async with AgentOs(image="mine") as vm:
        assert (await vm.exec("id -un; ls /srv")).stdout == "agentos\nlower\nupper\n"
        assert await vm.read_text("/srv/upper") == "u"
        await vm.write_file("kept", "k")
        await vm.snapshot("later")
        if os.geteuid():
            for verb in (vm.exec, vm.spawn, vm.terminal):
                assert await refusal(verb("id", user="root")) == "no_root_inside"
        else:
            assert (await vm.exec("id -u", user="root")).stdout == "0\n"
    async with AgentOs(image="later") as vm:
        assert (await vm.exec("cat kept; cat /srv/lower")).stdout == "kl"
    for name in ("mine", "later"):
        LayerStore().remove(name)
    LayerStore().collect()
    sys.stdout.write(f"seen as user {os.geteuid()}\n")


asyncio.run(main())
