"""What the gateway decided, and what then passed through it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

Verdict = Literal["allowed", "denied", "failed"]
LOG_SIZE = 1000


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Connection:
    """One decision about a host: a connection, or a look-up that led nowhere.

    Attributes:
        name: The name asked for, or the literal address.
        port: The TCP port; None for a look-up.
        verdict: `failed` means that it was allowed but could not be made.
        rule: The policy entry that decided; `default` if none did, `route` for a routed name.
        reason: Why it was denied, failed or cut, in words.
        address: The address that was dialled; empty if none was.
        bytes_out: Bytes that left the machine so far.
        bytes_in: Bytes that entered it so far.
        at: When it was asked for.
        ended: When it was over; None while it lasts.
    """

    name: str
    port: int | None
    verdict: Verdict = "allowed"
    rule: str = "default"
    reason: str = ""
    address: str = ""
    bytes_out: int = 0
    bytes_in: int = 0
    at: datetime = field(default_factory=_now)
    ended: datetime | None = None

    def carried_out(self, count: int) -> None:
        """Count bytes that left the machine."""
        self.bytes_out += count

    def carried_in(self, count: int) -> None:
        """Count bytes that entered the machine."""
        self.bytes_in += count


class Journal:
    """The latest decisions, and whoever wants to hear of each.

    Attributes:
        log: The latest records, oldest first.
        on_event: Called with a record once it is decided, and again if it ends later.

    Args:
        keep: Called likewise; keeps the records for longer.
    """

    def __init__(
        self, on_event: Callable[[Connection], None] | None, keep: Callable[[Connection], None]
    ) -> None:
        self.log: deque[Connection] = deque(maxlen=LOG_SIZE)
        self.on_event = on_event
        self._keep = keep

    def begin(self, record: Connection) -> None:
        """Write down a connection that now lasts."""
        self.log.append(record)
        self._tell(record)

    def refuse(self, record: Connection, verdict: Verdict, reason: str) -> None:
        """Write down what was never made."""
        record.verdict, record.reason, record.ended = verdict, reason, _now()
        self.begin(record)

    def end(self, record: Connection, reason: str = "") -> None:
        """Complete the record of a connection that lasted until now."""
        record.reason, record.ended = reason, _now()
        self._tell(record)

    def _tell(self, record: Connection) -> None:
        self._keep(record)
        if self.on_event is not None:
            # From the loop, so that an error of the listener's own breaks no connection.
            asyncio.get_running_loop().call_soon(self.on_event, record)


def forget(_record: Connection) -> None:
    """Keep nothing."""


def words(error: OSError) -> str:
    """Say what went wrong in the words of the system."""
    return error.strerror or str(error) or "timed out"
