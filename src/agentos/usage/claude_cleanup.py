"""Tell the user before Claude Code deletes its transcripts."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from agentos.usage.call import Source
from agentos.usage.discovery import Found
from agentos.usage.reading.entry import part

_DEFAULT_DAYS = 30
_WARNED_DAYS = 3
_DAY = 86_400


def deletion_warnings(found: Sequence[Found], now: float | None = None) -> list[str]:
    """Return a warning for each home whose transcripts will soon be deleted.

    Args:
        found: The files that were found.
        now: The time of day, in seconds since 1970.
    """
    now = time.time() if now is None else now
    warnings = []
    for home in dict.fromkeys(each.home for each in found if each.home.source is Source.CLAUDE):
        days = None if home.session else _kept_days(home.path / "settings.json")
        if days is None:
            continue
        limit = now - (days - _WARNED_DAYS) * _DAY
        old = sum(1 for each in found if each.home == home and each.seen[3] / 1e9 < limit)
        if old:
            warnings.append(
                f"Claude Code keeps transcripts in {home.path} for {days:g} days: it will delete"
                f" {old} of them within {_WARNED_DAYS} days; the ledger keeps what they say of use"
                " (cleanupPeriodDays in its settings.json changes that)"
            )
    return warnings


def _kept_days(settings: object) -> float | None:
    """Return how long transcripts are kept; None if the settings cannot be read."""
    try:
        with open(str(settings), encoding="utf-8") as file:
            days = part(json.load(file)).get("cleanupPeriodDays", _DEFAULT_DAYS)
        return float(days) if isinstance(days, int | float) else _DEFAULT_DAYS
    except FileNotFoundError:
        return _DEFAULT_DAYS
    except (OSError, ValueError, OverflowError, RecursionError):
        return None
