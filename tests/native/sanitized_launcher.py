"""A pytest plugin: machines are built by the launcher that `SANITIZED_LAUNCHER` names."""

from __future__ import annotations

import os
from pathlib import Path

import agentos.machine.isolation.namespace as namespace

namespace.LAUNCHER = Path(os.environ["SANITIZED_LAUNCHER"])
