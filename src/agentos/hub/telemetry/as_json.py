"""Events as JSON, the same in every answer and in `agentos log --json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from agentos.hub.telemetry.counts import Key, Total
from agentos.hub.telemetry.event import EventRecord


def plain(record: EventRecord) -> dict[str, Any]:
    """Return an event as JSON has it."""
    arguments = None if record.arguments is None else json.loads(record.arguments)
    return asdict(record) | {"at": record.at.isoformat(), "arguments": arguments}


def line(record: EventRecord) -> str:
    """Return an event as one line of JSON."""
    return json.dumps(plain(record), ensure_ascii=False, separators=(",", ":"))


def plain_counts(counts: Mapping[Key, Total]) -> list[dict[str, Any]]:
    """Return totals as JSON has them, sorted."""
    return [
        {"kind": kind, "name": name, "outcome": outcome, **asdict(total)}
        for (kind, name, outcome), total in sorted(counts.items())
    ]
