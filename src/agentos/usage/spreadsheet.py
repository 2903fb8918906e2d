"""A report as comma-separated values."""

from __future__ import annotations

import csv
import io
from typing import Any

from agentos.usage.reports import Report
from agentos.usage.rows import plain_row

#: What spreadsheets take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(report: Report) -> str:
    """Return a report as comma-separated values, with a line of names; an unknown cost is empty.

    A name that a spreadsheet would run gets an apostrophe, which makes it text there.
    """
    names = [*plain_row(report.total, ()), "currency"]
    out = io.StringIO()
    writer = csv.DictWriter(out, [*report.by, *names], lineterminator="\n")
    writer.writeheader()
    for row in report.rows:
        keys = {name: _text(key) for name, key in zip(report.by, row.key, strict=True)}
        said: dict[str, Any] = plain_row(row, report.by) | keys
        writer.writerow(said | {"currency": report.currency.code})
    return out.getvalue()


def _text(key: str) -> str:
    return f"'{key}" if key.startswith(_FORMULA) else key
