"""What gVisor's `runsc` is told: which root, which mounts and which first process it has."""

from __future__ import annotations

import json
import resource
import shutil
from pathlib import Path

from agentos.errors import IsolationUnavailable

#: Where the launcher puts this configuration and a copy of itself: `BUNDLE` of sandbox.c.
_BUNDLE = "/dev/pts"
_INIT = "/dev/agentos-inside"
#: The right to change the machine's own files, ids and processes. Our init takes from its
#: commands what they must not have; of the host's kernel, gVisor's process gets these too.
_CAPABILITIES = [
    *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID"),
    *("CAP_SETUID", "CAP_SETPCAP", "CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_SYS_ADMIN"),
]
INSTALL = "agentos software install runsc"


def find_runsc() -> Path:
    """Find the program: as AgentOS installed it, or else on this host's PATH.

    Raises:
        IsolationUnavailable: There is none.
    """
    from agentos.software.catalog import resolve
    from agentos.software.store import find

    installed = find(resolve("runsc"))
    if installed is not None:
        return installed.path / "bin/runsc"
    if found := shutil.which("runsc"):
        return Path(found)
    raise IsolationUnavailable(
        "gVisor's program runsc is not installed", code="gvisor_missing", hint=INSTALL
    )


def configuration(hostname: str) -> bytes:
    """Describe the sandbox of a machine, as the OCI's runtime specification has it."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    sets = ("bounding", "effective", "inheritable", "permitted", "ambient")
    spec = {
        "ociVersion": "1.0.0",
        "hostname": hostname,
        "root": {"path": "/", "readonly": False},
        "process": {
            "user": {"uid": 0, "gid": 0},  # until it has become the machine's user
            "cwd": "/",
            "env": [],
            "args": [_INIT],
            "capabilities": dict.fromkeys(sets, _CAPABILITIES),
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": files, "soft": files}],
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts"},
            _bind(f"{_BUNDLE}/init", _INIT, "ro"),
            # runsc would put a file system of its own on these two.
            _bind("/tmp", "/tmp", "rw"),
            _bind("/dev/shm", "/dev/shm", "rw"),
        ],
        "linux": {"namespaces": [{"type": name} for name in ("pid", "mount", "ipc", "uts")]},
    }
    return json.dumps(spec).encode()


def _bind(source: str, target: str, access: str) -> dict[str, object]:
    return {"destination": target, "type": "bind", "source": source, "options": [access]}
