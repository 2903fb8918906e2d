"""Machines kept ready, to be handed out at once."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self, Unpack

from agentos.errors import AgentOsError, MachineError
from agentos.machine.machine import AgentOs
from agentos.machine.mounts import Mount
from agentos.machine.network import NetworkPolicy, Preset

if TYPE_CHECKING:
    from agentos.machine.settings import Settings

#: Seconds that whoever took a machine has the event loop for itself before others are made.
_HEAD_START = 0.02
#: Seconds to the next attempt after one that failed; each failure in a row doubles them.
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 5.0


class MachinePool:
    """Machines that are ready before they are needed.

    A taken machine is replaced in the background, by one task, one machine after the other. The
    pool and its machines belong to the event loop on which it was entered. All machines start
    from the settings given here, which are those of `AgentOs`.

    Args:
        size: How many to keep ready.
        agent: An agent that waits in each of them for its session, such as `"codex"`.
        image: What their root is made of.
        software: Installed software whose programs go on the PATH.
        isolation: As for `AgentOs`.
        network: What they may reach, unless `take` says otherwise; by default nothing.
        env: Environment of every command.
        name: Their host name.
        mounts: What they start with beside the image.
        limits: What each may use up; its `wall_time` begins when a machine is taken.
        on_warning: Called with a `LimitWarning` when one of them comes near a limit.
        on_request: Asked about each host and port that no rule of the policy covers.

    Raises:
        IsolationUnavailable: (when entered) This host does not permit machines.

    Example:
        ```python
        async with MachinePool(4) as pool:
            async with await pool.take(env={"TASK": "7"}) as vm:
                print((await vm.exec("echo task $TASK")).stdout)
        ```
    """

    def __init__(
        self, size: int, *, agent: str | None = None, **settings: Unpack[Settings]
    ) -> None:
        if size < 1:
            raise ValueError(f"a pool keeps at least one machine ready, not {size}")
        self.size = size
        self.agent = agent
        self._create = functools.partial(AgentOs.create, **settings)
        self._ready: deque[AgentOs] = deque()
        self._taken = asyncio.Event()
        self._failure: AgentOsError | OSError | None = None
        self._group = asyncio.TaskGroup()
        self._refilling: asyncio.Task[None] | None = None
        self._closing: asyncio.Future[None] | None = None

    @property
    def ready(self) -> int:
        """How many machines can be had at once."""
        return sum(not vm.closed for vm in self._ready)

    async def __aenter__(self) -> Self:
        try:
            while len(self._ready) < self.size:
                self._ready.append(await self._make_ready())
        except BaseException:
            await self.close()
            raise
        await self._group.__aenter__()
        self._refilling = self._group.create_task(self._refill())
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.close()
        finally:  # without the block's own error, which would come out in an ExceptionGroup
            await self._group.__aexit__(None, None, None)

    async def take(
        self,
        *,
        env: Mapping[str, str] | None = None,
        mounts: Sequence[Mount] = (),
        network: NetworkPolicy | Preset | None = None,
    ) -> AgentOs:
        """Hand out a machine that is ready; if none is, make one.

        The caller closes it, or uses it in `async with`. Cancelled, it leaves nothing behind.

        Args:
            env: Added to the environment of every command.
            mounts: Mounted beside the pool's own.
            network: What it may reach, instead of what the pool's machines may.

        Returns:
            A running machine, which no longer belongs to the pool.

        Raises:
            MachineError: The pool was closed; or there was none ready, because the last attempt
                to make one failed in this way. The next `take` makes one of its own.
            OSError: As above, or a mount's source is not there.
        """
        vm = await self._next()
        try:
            await vm._bind(env, mounts, network)
        except BaseException:
            await vm.close()
            raise
        return vm

    async def _next(self) -> AgentOs:
        self._check_open()
        self._taken.set()
        while self._ready:
            vm = self._ready.popleft()
            vm.channel.receive()  # it may have ended since the event loop looked
            if not vm.closed:
                return vm
            await vm.close()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        return await self._create()

    def _check_open(self) -> None:
        if self._closing is not None:
            raise MachineError("the pool was closed", code="pool_closed")
        if self._refilling is None:
            raise RuntimeError("the pool is empty: use `async with MachinePool(...) as pool`")

    async def _make_ready(self) -> AgentOs:
        vm = await self._create()
        vm._keep_ready()
        try:
            await _use_once(vm)
            if self.agent is not None:
                await vm.ready_agent(self.agent)
        except BaseException:
            await vm.close()
            raise
        return vm

    async def _refill(self) -> None:
        while await self._taken.wait():
            await asyncio.sleep(_HEAD_START)
            self._taken.clear()
            await self._fill()

    async def _fill(self) -> None:
        delay = _FIRST_DELAY
        while len(self._ready) < self.size:
            try:
                self._ready.append(await self._make_ready())
            except (AgentOsError, OSError) as error:
                self._failure = error
                await asyncio.sleep(delay)
                delay = min(2 * delay, _LONGEST_DELAY)
            else:
                self._failure, delay = None, _FIRST_DELAY

    async def close(self) -> None:
        """End the machines that were not taken, and make no more. Safe to repeat."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._end())
        await asyncio.shield(self._closing)

    async def _end(self) -> None:
        if self._refilling is not None:
            self._refilling.cancel()
            await asyncio.wait({self._refilling})
        async with contextlib.AsyncExitStack() as ends:  # each of them, whatever happens before
            while self._ready:
                ends.push_async_callback(self._ready.popleft().close)


async def _use_once(vm: AgentOs) -> None:
    """Run a command: the first one takes a tenth longer than those after it."""
    with contextlib.suppress(FileNotFoundError):  # an image need not have a shell
        await vm.exec(":")
