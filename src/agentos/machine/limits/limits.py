"""What a machine may use up, as its owner says it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from agentos.errors import ConfigInvalid

KIB = 1024
MIB = 1024 * KIB
LEAST_DISK = 64 * KIB

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}

#: What a shell and its init need at least, and what the kernel takes at most.
_BOUNDS: dict[str, tuple[float, float]] = {
    "memory": (4 * MIB, 2**62),
    "cpus": (0.01, 10_000),
    "pids": (4, 2**22 - 2),
    "disk": (LEAST_DISK, 2**62),
    "open_files": (16, 2**30),
    "wall_time": (0.001, 2**31),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one machine; None leaves a thing unbounded.

    Args:
        memory: Bytes, or text such as `"512M"`: what its programs hold, and files that they
            write, which live in memory. At least 4 MiB.
        cpus: CPU seconds per second, such as 0.5. At least 0.01.
        pids: Processes and threads, without its init. At least 4.
        disk: Bytes, or text such as `"2G"`: all files together that it may hold; by default
            half of the host's memory. At least 64 KiB.
        open_files: Descriptors of each of its processes. At least 16.
        wall_time: Seconds after which the machine is closed.

    Raises:
        ConfigInvalid: A value is not a number, or outside of what can work.
    """

    memory: int | str | None = None
    cpus: float | None = None
    pids: int | None = None
    disk: int | str | None = None
    open_files: int | None = None
    wall_time: float | None = None

    def __post_init__(self) -> None:
        for field in _BOUNDS:
            value = getattr(self, field)
            if value is not None:
                _check(field, value)

    @property
    def memory_bytes(self) -> int | None:
        """The bound of memory in bytes."""
        return None if self.memory is None else _bytes("memory", self.memory)

    @property
    def disk_bytes(self) -> int | None:
        """The bound of files in bytes."""
        return None if self.disk is None else _bytes("disk", self.disk)


@dataclass(frozen=True, slots=True)
class LimitWarning:
    """A machine comes near one of its limits, or ran into it.

    Attributes:
        limit: The limit's name, such as `"memory"`.
        used: How much is used: bytes, or processes.
        bound: How much may be.
        message: The same in words.
    """

    limit: str
    used: int
    bound: int
    message: str


def _check(field: str, value: object) -> None:
    number = _bytes(field, value) if field in ("memory", "disk") else _number(field, value)
    least, most = _BOUNDS[field]
    if least <= number <= most:
        return
    word, bound = ("least", least) if number < least else ("most", most)
    raise ConfigInvalid(
        f"Limits({field}={value!r}) cannot work",
        code="limit_invalid",
        hint=f"{field} is at {word} {bound:.15g}{_unit(field)}",
    )


def _unit(field: str) -> str:
    if field in ("memory", "disk"):
        return " bytes"
    return " seconds" if field == "wall_time" else ""


def _number(field: str, value: object) -> float:
    whole = field in ("pids", "open_files")
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or math.isnan(value):
        needed = "a whole number" if whole else "a number"
        raise ConfigInvalid(f"Limits({field}={value!r}): {field} is {needed}", code="limit_invalid")
    return float(value)


def _bytes(field: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ConfigInvalid(
            f"Limits({field}={value!r}) is not a size",
            code="limit_invalid",
            hint='say bytes, or text such as "512M" or "1.5G"',
        )
    number, unit = match.groups()
    return int(float(number) * 1024 ** _POWERS[unit.lower()])
