"""Which store a process uses, in a word that tells nothing of it."""

from __future__ import annotations

import hashlib

from agentos.store import default_url


def store_mark() -> str:
    """Name this process's store: its address may hold a password."""
    return hashlib.sha256(default_url().encode()).hexdigest()[:32]
