"""The TCP ports on which a host may be reached."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Action = Literal["allow", "deny"]


@dataclass(frozen=True, slots=True)
class Ports:
    """What holds for each port of one host.

    Attributes:
        open: Ports that are allowed by number.
        shut: Ports that are denied by number.
        others: What holds for every other port; None if no rule says anything.
    """

    open: frozenset[int] = frozenset()
    shut: frozenset[int] = frozenset()
    others: Action | None = None

    def __contains__(self, port: int) -> bool:
        return port in self.open or (self.others == "allow" and port not in self.shut)

    def __bool__(self) -> bool:
        """Whether there is any port on which the host may be reached."""
        return bool(self.open) or self.others == "allow"

    def among(self, usual: frozenset[int]) -> frozenset[int]:
        """Name ports one by one: those that are named, and the usual ones of the others."""
        return self.open | usual - self.shut if self.others == "allow" else self.open

    def with_open(self, ports: frozenset[int]) -> Ports:
        """Open more ports."""
        return replace(self, open=self.open | ports, shut=self.shut - ports)

    def open_to_questions(self) -> Ports:
        """Let those through of which no rule says anything, so that somebody can be asked."""
        return self if self.others else replace(self, others="allow")
