"""The host's programs as an OCI bundle, for the container runtimes that are measured beside us."""

from __future__ import annotations

import json
from pathlib import Path

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64")
_NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup")


def links_and_directories() -> tuple[dict[str, str], list[str]]:
    """Return the host's system directories: links with their targets, and the rest."""
    present = [path for path in map(Path, _SYSTEM) if path.exists()]
    links = {str(path): str(path.readlink()) for path in present if path.is_symlink()}
    return links, [str(path) for path in present if not path.is_symlink()]


def make_bundle(place: Path, command: list[str]) -> Path:
    """Write a bundle that runs one command, with the host's programs read-only."""
    links, directories = links_and_directories()
    root = place / "rootfs"
    for path in ("/proc", "/dev", "/tmp", *directories):
        (root / path.lstrip("/")).mkdir(parents=True)
    for path, target in links.items():
        (root / path.lstrip("/")).symlink_to(target)
    binds = [
        {"destination": path, "source": path, "type": "bind", "options": ["rbind", "ro"]}
        for path in directories
    ]
    config = {
        "ociVersion": "1.0.2",
        "process": {
            "args": command,
            "cwd": "/",
            "env": ["PATH=/usr/bin:/bin"],
            "user": {"uid": 1000, "gid": 1000},
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
            *binds,
        ],
        "linux": {"namespaces": [{"type": name} for name in _NAMESPACES]},
    }
    (place / "config.json").write_text(json.dumps(config))
    return place
