"""Pinned software in shared read-only layers.

Each package is installed once per version into `data_dir()/software/<name>/<version>/`,
which a machine sees at `/opt/agentos/<name>/<version>/`.
"""

from __future__ import annotations

from agentos.software.catalog import (
    CATALOG,
    Artifact,
    Catalog,
    NpmTree,
    Package,
    Platform,
    resolve,
)
from agentos.software.install import Progress, ensure
from agentos.software.store import Installed, installed, remove, software_dir

__all__ = [
    "CATALOG",
    "Artifact",
    "Catalog",
    "Installed",
    "NpmTree",
    "Package",
    "Platform",
    "Progress",
    "ensure",
    "installed",
    "remove",
    "resolve",
    "software_dir",
]
