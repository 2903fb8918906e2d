"""Directories, memory and secrets mounted into a machine, also while it runs."""

from agentos.machine.mounts.mount import Mount
from agentos.machine.mounts.table import MountTable

__all__ = ["Mount", "MountTable"]
