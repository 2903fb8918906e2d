"""The package microsandbox: where its monitor is, and the words it is started with."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from agentos.errors import IsolationUnavailable
from agentos.machine.isolation.namespace import LAUNCHER

#: The version whose command line is known; its surface changes from release to release.
MICROSANDBOX = "0.7.11"
#: The guest's memory in mebibytes; what it does not touch is not taken from the host.
MEMORY = 2048

#: Where a machine has what its monitor needs.
PLACE = "/var/agentos-vm"
_PORT = 5000


@dataclass(frozen=True, slots=True)
class Monitor:
    """Where the files of microsandbox are: `bin/msb` and `lib/libkrunfw.so`."""

    directory: Path

    def command(self, hostname: str, open_files: int | None = None) -> list[str]:
        """Return the command line that boots a guest and runs our init in it."""
        return [
            f"{PLACE}/monitor/bin/msb",
            *("run", "--quiet", "--no-stdin", "--name", "agentos", "--hostname", hostname),
            *("--cpus", str(os.cpu_count() or 1), "--memory", f"{MEMORY}M"),
            *("--vsock", f"{PLACE}/line/socket:{_PORT}", "--user", "0:0"),
            # With its virtual metadata off, modes and owners are the files' own on both sides.
            *("--mount-dir", "/run/guest:/machine:stat-virt=off"),
            # All addresses lead to the machine's own listeners, and what they refuse is refused.
            *("--net-default", "allow", "--dns-nameserver", "198.18.0.1"),
            "--no-dns-rebind-protection",
            *("/run/empty", "--", f"/machine{PLACE}/init/{LAUNCHER.name}"),
            *("guest", f"vsock:{_PORT}", str(open_files or 0), "/machine"),
        ]


def find_monitor() -> Monitor:
    """Find the microsandbox that is installed beside us.

    Raises:
        IsolationUnavailable: There is none, or one whose command line is not known.
    """
    hint = "pip install 'agentos-vm[microvm]'"
    spec = importlib.util.find_spec("microsandbox")
    if spec is None or spec.origin is None:
        raise IsolationUnavailable(
            "the package microsandbox is not installed", code="microvm_missing", hint=hint
        )
    version = importlib.metadata.version("microsandbox")
    directory = Path(spec.origin).with_name("_bundled")
    if version != MICROSANDBOX or not (directory / "bin" / "msb").is_file():
        raise IsolationUnavailable(
            f"microsandbox {version} is installed, and {MICROSANDBOX} with its msb is needed",
            code="microvm_missing",
            hint=hint,
        )
    return Monitor(directory)
