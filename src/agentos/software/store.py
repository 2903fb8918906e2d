"""What is installed: the layers under `data_dir()/software` and their manifests."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agentos.config import data_dir
from agentos.errors import SoftwareError
from agentos.software.catalog import Artifact, NpmTree, Package
from agentos.software.staging import staging_directory

MANIFEST = "agentos-package.json"


@dataclass(frozen=True)
class Installed:
    """One installed version: its layer's directory and its size in bytes."""

    name: str
    version: str
    path: Path
    size: int


def software_dir() -> Path:
    """The directory that machines see at `/opt/agentos`."""
    return data_dir() / "software"


def find(package: Package) -> Installed | None:
    """Look for an installed package at its pinned version."""
    return _read(software_dir() / package.name / package.version)


def installed() -> list[Installed]:
    """List every installed version, by name and version."""
    return sorted(_layers(), key=lambda layer: (layer.name, layer.version))


def remove(name: str, version: str | None = None) -> list[Installed]:
    """Remove an installed package; programs that run from it keep their open files.

    Args:
        name: Such as `codex`.
        version: Only this one; by default all of them.

    Returns:
        What was removed.

    Raises:
        SoftwareError: With the code `software_not_installed`.
    """
    removed = [
        layer for layer in installed() if layer.name == name and version in (None, layer.version)
    ]
    if not removed:
        label = f"{name}@{version}" if version else name
        present = ", ".join(f"{layer.name}@{layer.version}" for layer in installed()) or "nothing"
        raise SoftwareError(
            f"{label} is not installed",
            code="software_not_installed",
            hint=f"installed: {present}",
        )
    # Moved away first: a removal that is killed half-way must not look like an installed layer.
    with staging_directory() as staging:
        for layer in removed:
            layer.path.rename(staging.path / f"{layer.name}-{layer.version}")
    return removed


def place(
    package: Package, artifact: Artifact | NpmTree, layer: Path, size: int, discard: Path
) -> Installed:
    """Move a finished layer to its place, whole or not at all.

    Args:
        package: What it is.
        artifact: The build it was made from.
        layer: The unpacked directory, on the same file system.
        size: Its bytes.
        discard: Where a damaged predecessor goes; must not exist.
    """
    manifest = {
        "name": package.name,
        "version": package.version,
        "source": f"{artifact.client}:{artifact.requirement}",
        "integrity": artifact.integrity,
        "size": size,
        "installed_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (layer / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    (layer / MANIFEST).chmod(0o444)
    path = software_dir() / package.name / package.version
    for directory in (software_dir(), path.parent):
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
    if os.path.lexists(path):
        path.rename(discard)
    layer.rename(path)
    return Installed(package.name, package.version, path, size)


def _layers() -> Iterator[Installed]:
    for manifest in software_dir().glob(f"*/*/{MANIFEST}"):
        layer = _read(manifest.parent)
        if layer:
            yield layer


def _read(path: Path) -> Installed | None:
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        return Installed(path.parent.name, path.name, path, int(manifest["size"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError):
        # A crash of the host can leave an empty manifest: such a layer is installed anew.
        return None
