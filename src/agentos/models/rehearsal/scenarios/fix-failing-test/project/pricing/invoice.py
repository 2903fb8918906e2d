"""Invoices and what they come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from pricing.discount import discount_rate

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Line:
    """So many pieces of one article."""

    article: str
    pieces: int
    price: Decimal

    @property
    def total(self) -> Decimal:
        return self.pieces * self.price


@dataclass
class Invoice:
    """What a customer has to pay."""

    customer: str
    lines: list[Line] = field(default_factory=list)

    def add(self, article: str, pieces: int, price: str) -> None:
        self.lines.append(Line(article, pieces, Decimal(price)))

    @property
    def subtotal(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))

    @property
    def total(self) -> Decimal:
        rate = discount_rate(self.subtotal)
        return (self.subtotal * (1 - rate)).quantize(CENT, ROUND_HALF_UP)
