"""What the launcher needs to start a sandbox within a machine."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A kernel of their own for a machine's commands.

    Attributes:
        configuration: What its program is told.
        commands: The socket of the init inside.
        program: The program, opened: it is no file of the machine.
        messages: A file for what the program has to say.
    """

    configuration: bytes
    commands: int
    program: int
    messages: int

    @property
    def descriptors(self) -> list[int]:
        """The descriptors in the order in which the launcher takes them."""
        return [self.commands, self.program, self.messages]

    def close(self) -> None:
        """Close the descriptors."""
        for fd in self.descriptors:
            os.close(fd)
