"""Usage: what model calls used, and what they cost.

The names are imported when they are first used.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # a status line has no time for typing
if TYPE_CHECKING:
    from typing import Any

    from agentos.usage.budget import BudgetStatus
    from agentos.usage.ledger import Ledger
    from agentos.usage.questions import PricedCall, budgets, report, session_calls
    from agentos.usage.reports import Report
    from agentos.usage.rows import Row
    from agentos.usage.selection import Selection

_HOMES = {
    "BudgetStatus": "budget",
    "Ledger": "ledger",
    "PricedCall": "questions",
    "Report": "reports",
    "Row": "rows",
    "Selection": "selection",
    "budgets": "questions",
    "report": "questions",
    "session_calls": "questions",
}

__all__ = [
    "BudgetStatus",
    "Ledger",
    "PricedCall",
    "Report",
    "Row",
    "Selection",
    "budgets",
    "report",
    "session_calls",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'agentos.usage' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"agentos.usage.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
