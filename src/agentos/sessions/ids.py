"""Ids of sessions."""

from __future__ import annotations

import secrets
import time


def new_id() -> str:
    """Make an id that sorts by time: a UUID of version 7 (RFC 9562)."""
    stamp = time.time_ns() // 1_000_000
    tail = secrets.randbits(74)
    value = stamp << 80 | 7 << 76 | (tail >> 62) << 64 | 2 << 62 | tail & (1 << 62) - 1
    digits = f"{value:032x}"
    return "-".join(digits[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
