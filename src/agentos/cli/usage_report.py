"""Reports of usage, as tables or for programs."""

from __future__ import annotations

import json
import sys

from agentos.usage.reports import Report, plain


def json_of(report: Report) -> str:
    """Return a report as one JSON object."""
    return json.dumps(plain(report), indent=2) + "\n"


def show_report(report: Report, *, as_json: bool, as_csv: bool) -> None:
    """Print a report as it was asked for."""
    if as_json:
        sys.stdout.write(json_of(report))
    elif as_csv:
        from agentos.usage.spreadsheet import as_csv as csv_of

        sys.stdout.write(csv_of(report))
    else:
        from agentos.cli.usage_table import show

        show(report)
