"""What `/status` tells: the server, what it uses, what it offers, what it was asked."""

from __future__ import annotations

import os
import platform
import resource
import sys
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

from agentos.errors import ConfigInvalid
from agentos.hub.scopes import Principal
from agentos.hub.telemetry.as_json import plain, plain_counts
from agentos.hub.telemetry.telemetry import Telemetry


def status(telemetry: Telemetry, home: Path, observer: Principal) -> dict[str, Any]:
    """Return the state of the hub, as JSON has it.

    Args:
        telemetry: What it was asked.
        home: The AgentOS home, whose portfolio is listed.
        observer: Who asks; a machine's session sees only its own requests.
    """
    counts = telemetry.counts()
    return {
        "server": {
            "name": "agentos",
            "version": version("agentos-vm"),
            "python": platform.python_version(),
            "pid": os.getpid(),
            "started": telemetry.started.isoformat(),
            "uptime_seconds": round(telemetry.uptime(), 3),
        },
        "process": _process(),
        "project": _project(telemetry),
        "resources": _resources(home),
        "requests": sum(total.count for key, total in counts.items() if key[0] == "http"),
        "counters": plain_counts(counts),
        "recent": [
            plain(record)
            for record in telemetry.recent()
            if observer.session is None or record.principal == observer.name
        ],
        "log": {
            "waiting": telemetry.waiting(),
            "dropped": telemetry.dropped,
            "spans_dropped": telemetry.tracing_dropped,
            "readers": telemetry.readers,
            "retention_days": telemetry.settings.retention_days,
        },
    }


def _process() -> dict[str, Any]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    open_files = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")
    return {
        "memory_bytes": memory_bytes(),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 3),
        "open_files": len(os.listdir(open_files)),
        "threads": threading.active_count(),
    }


def memory_bytes() -> int:
    """Return the memory that this process has in use."""
    if sys.platform == "linux":
        pages = Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _project(telemetry: Telemetry) -> dict[str, Any]:
    try:
        choice = telemetry.projects.choice()
    except (ConfigInvalid, OSError) as error:
        return {"active": None, "clients": {}, "error": str(error)}
    return {"active": choice.project, "clients": choice.clients}


def _resources(home: Path) -> list[dict[str, Any]]:
    files = sorted((home / "context-portfolio").glob("*.md"))
    return [{"uri": f"portfolio://{file.stem}", "name": file.name} for file in files]
