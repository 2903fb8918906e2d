"""The verbs of a machine that keep, branch and compare its files."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from agentos.machine.commands import CommandVerbs
from agentos.machine.isolation.offers import require

if TYPE_CHECKING:
    from agentos.machine.changes import Diff
    from agentos.machine.layers.store import Snapshot
    from agentos.machine.machine import AgentOs


class BranchVerbs(CommandVerbs):
    """Snapshots, forks and changes of a machine."""

    async def snapshot(self, name: str) -> Snapshot:
        """Keep the machine's files under a name; `AgentOs(image=name)` starts from them.

        Processes stand still until what the machine wrote is copied to the disk, and then go
        on; they are not part of the snapshot, and neither is `/dev/shm`.

        Args:
            name: Letters, digits, dots, dashes and underscores.

        Raises:
            MachineError: The name is taken or none, or the copy failed; nothing of it is kept.
        """
        from agentos.machine.snapshots import snapshot

        require(self.isolation, "snapshot")
        return await snapshot(cast("AgentOs", self), name)

    async def fork(self, n: int = 1) -> list[AgentOs]:
        """Branch the machine: make others that start with its files as they are now.

        With nothing running in the machine this takes the time of making a machine, however
        much was written: what was written becomes a read-only layer that all of them share.
        While processes run, what was written is copied and the processes stand still until
        that is done; then they go on here. Processes are not part of a branch, and neither are
        `/dev/shm` and what they had open. Use no other verb of the machine meanwhile.

        Args:
            n: How many to make.

        Returns:
            Running machines, which the caller closes.

        Raises:
            MachineError: The machine has ended.
        """
        from agentos.machine.branching import fork

        require(self.isolation, "fork")
        return await fork(cast("AgentOs", self), n)

    async def diff(self) -> Diff:
        """Compare the machine's files with the image that it was made of.

        Files, links and directories count that came or went, and files whose content or whose
        right to be run changed; what earlier forks of this machine wrote counts too. Processes
        go on meanwhile: what they change just then may be in it or not.

        Returns:
            The changes, as text, JSON or a patch for `git apply`.

        Raises:
            MachineError: The machine has ended.

        Example:
            ```python
            await vm.write_file("notes.txt", "hello\\n")
            print(await vm.diff())
            ```
        """
        from agentos.machine.changes import diff

        require(self.isolation, "diff")
        return await diff(cast("AgentOs", self))
