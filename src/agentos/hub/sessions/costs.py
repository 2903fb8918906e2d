"""What sessions cost, as the ledger knows it."""

from __future__ import annotations

from collections.abc import Sequence

from agentos.hub.sessions.models import Cost
from agentos.store import Store
from agentos.usage.money import Currency


async def costs_of(store: Store, ids: Sequence[str]) -> dict[str, Cost]:
    """Return what sessions cost; one of whose calls some have no known price is not among them."""
    from agentos.usage.questions import report
    from agentos.usage.selection import Selection

    if not ids:
        return {}
    chosen = Selection(sessions=tuple(ids))
    found = await report(by=["session"], selection=chosen, store=store, read=False)
    return {
        row.key[0]: cost_of(row.cost, found.currency)
        for row in found.rows
        if row.cost is not None and not row.unpriced
    }


def cost_of(amount: float, currency: Currency) -> Cost:
    """Word an amount of a currency as a decimal number."""
    return Cost(amount=f"{amount:.6f}".rstrip("0").rstrip("."), currency=currency.code)
