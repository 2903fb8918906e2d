"""Reports of usage, as tables or for programs."""

from __future__ import annotations

import csv
import io
import json
import sys

from agentos.usage.reports import Report, plain
from agentos.usage.rows import plain_row


def json_of(report: Report) -> str:
    """Return a report as one JSON object."""
    return json.dumps(plain(report), indent=2) + "\n"


def csv_of(report: Report) -> str:
    """Return a report as comma-separated values, with a line of names; an unknown cost is empty."""
    rows = [plain_row(row, report.by) | {"currency": report.currency.code} for row in report.rows]
    names = [*plain_row(report.total, ()), "currency"]
    out = io.StringIO()
    writer = csv.DictWriter(out, [*report.by, *names], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def show_report(report: Report, *, as_json: bool, as_csv: bool) -> None:
    """Print a report as it was asked for."""
    if as_json:
        sys.stdout.write(json_of(report))
    elif as_csv:
        sys.stdout.write(csv_of(report))
    else:
        from agentos.cli.usage_table import show

        show(report)
