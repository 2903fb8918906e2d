"""What machines have in common whose commands run behind a kernel of their own."""

from __future__ import annotations

from agentos.machine.channel import Channel
from agentos.machine.isolation.branch import Branch
from agentos.machine.isolation.id_map import IdMap
from agentos.machine.isolation.namespace import NamespaceMachine


class OwnKernelMachine:
    """A machine of namespaces that has the files, and another init that runs the commands.

    Attributes:
        channel: To the init of the namespaces.
        commands: To the init behind the other kernel.
    """

    is_one_process = False

    def __init__(self, outside: NamespaceMachine, commands: Channel) -> None:
        self._outside = outside
        self.channel = outside.channel
        self.commands = commands

    @property
    def ids(self) -> IdMap:
        """Which ids of the host its ids are."""
        return self._outside.ids

    @property
    def layers(self) -> int:
        """How many layers it has below its own."""
        return self._outside.layers

    async def branch(self, *, copy: bool = False) -> Branch:
        """Hand out what this machine has written, for another one to start from."""
        return await self._outside.branch(copy=copy)
