"""Run by an ordinary user in a bare interpreter: a machine with a guest, its monitor played."""

from __future__ import annotations

import asyncio
import functools
import shutil
import sys
import tempfile
from pathlib import Path

import agentos.testing.played_msb
from agentos import AgentOs
from agentos.machine.isolation import backends, microvm
from agentos.machine.isolation.microsandbox import Monitor


def play(directory: Path) -> None:
    """Let `isolation="microvm"` be the played monitor."""
    directory.chmod(0o755)
    (directory / "bin").mkdir()
    msb = shutil.copy(str(agentos.testing.played_msb.__file__), directory / "bin" / "msb")
    Path(msb).chmod(0o755)

    async def choose() -> backends.Backend:
        return functools.partial(microvm.MicrovmMachine.start, Monitor(directory))

    setattr(microvm, "DEVICE", "/dev/null")  # noqa: B010 as in the tests, where it is a patch
    backends._CHOICES["microvm"] = choose


async def main() -> None:
    """Use the verbs of a machine once each."""
    with tempfile.TemporaryDirectory() as directory:
        play(Path(directory))
        async with AgentOs(isolation="microvm") as vm:
            await vm.write_file("note", "seen by both")
            seen = await vm.exec("cat note; echo; id -u; stat -c %u note", check=True)
            async with await vm.terminal("tty") as terminal:
                shown = await terminal.read()
            assert b"/dev/pts/" in shown
            assert b"CapEff:\t" + b"0" * 16 in (await vm.exec("cat /proc/self/status")).stdout_bytes
    sys.stdout.write(seen.stdout)


asyncio.run(main())
