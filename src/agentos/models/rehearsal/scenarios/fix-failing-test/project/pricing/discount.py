"""Discounts for large orders."""

from __future__ import annotations

from decimal import Decimal

# Order totals from which a discount applies, highest first.
STEPS = (
    (Decimal(1000), Decimal("0.10")),
    (Decimal(500), Decimal("0.05")),
)


def discount_rate(total: Decimal) -> Decimal:
    """Return the share of an order's total that is taken off."""
    for threshold, rate in STEPS:
        if total > threshold:
            return rate
    return Decimal(0)
