"""Terminals in machines, for pages: what they show is kept a while, for those who come back."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator

from agentos.errors import MachineError
from agentos.hub.errors import Refused
from agentos.hub.machines.owned import WORKSPACE, OwnedMachine
from agentos.hub.waiting import set_within
from agentos.machine.terminal import Terminal

#: Bytes that are kept of what a terminal showed, and terminals of one machine.
MOST_KEPT = 512 * 1024
MOST_TERMINALS = 8
#: Bytes that one event tells at most.
PIECE = 48 * 1024
HEARTBEAT = 15.0
#: Seconds that a terminal waits after a full read: what nobody could read need not be fast.
_PAUSE = 0.02
_FULL = 64 * 1024
_SHELL = ["sh", "-c", "command -v bash >/dev/null && exec bash; exec sh"]


class LiveTerminal:
    """A shell on a terminal of a machine, and the last of what it showed.

    Args:
        id: Its id.
        terminal: The terminal.

    Attributes:
        begin: How many bytes came before those that are kept.
        exit_code: That of the shell, once it has ended.
        over: Whether it has.
    """

    def __init__(self, id: str, terminal: Terminal) -> None:
        self.id = id
        self.begin = 0
        self.exit_code: int | None = None
        self._terminal = terminal
        self._kept = bytearray()
        self._news = asyncio.Event()
        self.over = False
        self._reading = asyncio.create_task(self._read(), name=f"terminal {id}")

    @property
    def place(self) -> int:
        """How many bytes it has shown in all."""
        return self.begin + len(self._kept)

    async def type(self, data: bytes) -> None:
        """Type these bytes.

        Raises:
            Refused: It has ended.
        """
        self._require_open()
        try:
            await self._terminal.write(data)
        except (BrokenPipeError, MachineError) as error:
            raise _over(self.id) from error

    def resize(self, rows: int, columns: int) -> None:
        """Change its size.

        Raises:
            Refused: It has ended.
        """
        self._require_open()
        try:
            self._terminal.resize(rows, columns)
        except (BrokenPipeError, MachineError) as error:
            raise _over(self.id) from error

    async def output(self, after: int, closing: asyncio.Event) -> AsyncIterator[str]:
        """Yield what it shows after a place, as server-sent events, until it ends.

        Args:
            after: The bytes that are known.
            closing: Set when the hub is about to end.
        """
        place = min(after, self.place)
        while not closing.is_set():
            news = self._news
            if place < self.begin:
                yield f"event: gap\ndata: {self.begin - place}\n\n"
                place = self.begin
            if piece := bytes(self._kept[place - self.begin :][:PIECE]):
                place += len(piece)
                yield f"id: {place}\ndata: {base64.b64encode(piece).decode()}\n\n"
            elif self.over:
                yield f"event: exit\ndata: {'' if self.exit_code is None else self.exit_code}\n\n"
                return
            elif not await set_within(news, HEARTBEAT):
                yield ": still here\n\n"

    async def end(self) -> None:
        """Kill what runs on it; safe to repeat."""
        await self._terminal.close()
        await asyncio.wait({self._reading})

    def _require_open(self) -> None:
        if self.over:
            raise _over(self.id)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _read(self) -> None:
        try:
            while data := await self._terminal.read(_FULL):
                self._keep(data)
                if len(data) == _FULL:
                    await asyncio.sleep(_PAUSE)
            self.exit_code = await self._terminal.wait()
        except (OSError, MachineError):
            pass  # the machine has ended, and says so itself
        finally:
            self.over = True
            self._wake()

    def _keep(self, data: bytes) -> None:
        self._kept += data
        if (surplus := len(self._kept) - MOST_KEPT) > 0:
            del self._kept[:surplus]
            self.begin += surplus
        self._wake()


async def open_terminal(machine: OwnedMachine, rows: int, columns: int) -> LiveTerminal:
    """Start a shell on a terminal.

    Raises:
        Refused: The machine has too many.
        MachineError: It has ended.
    """
    for old in [one for one in machine.terminals.values() if one.over]:
        await old.end()
        machine.terminals.pop(old.id, None)
    if len(machine.terminals) + machine.opening >= MOST_TERMINALS:
        message = f"the machine has {MOST_TERMINALS} terminals already"
        raise Refused(429, "too_many_terminals", message, hint="close one of them")
    id = f"terminal-{secrets.token_hex(8)}"
    machine.opening += 1
    try:
        terminal = await machine.vm.terminal(
            _SHELL, rows=rows, cols=columns, cwd=WORKSPACE, env={"SHELL": "/bin/bash"}
        )
    finally:
        machine.opening -= 1
    live = LiveTerminal(id, terminal)
    machine.terminals[id] = live
    return live


def _over(id: str) -> Refused:
    return Refused(409, "terminal_ended", f"{id} has ended", hint="open another one")
