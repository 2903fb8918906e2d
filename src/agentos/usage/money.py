"""Currencies: prices are in US dollars, and told in what the user wants."""

from __future__ import annotations

from dataclasses import dataclass

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


@dataclass(frozen=True)
class Currency:
    """A currency, and the rate that the user has set.

    Args:
        code: Such as `EUR`.
        per_dollar: How many of it a US dollar is.
    """

    code: str
    per_dollar: float

    def of(self, dollars: float) -> float:
        """Return an amount of US dollars in this currency."""
        return dollars * self.per_dollar

    def show(self, amount: float | None, *, at_least: bool = False) -> str:
        """Write an amount of this currency.

        Args:
            amount: None if it is not known.
            at_least: Whether some of it is not known.
        """
        if amount is None:
            return "unknown"
        digits = 2 if abs(amount) >= 1 or amount == 0 else 4
        sign = _SIGNS.get(self.code, f"{self.code} ")
        return f"{'≥ ' if at_least else ''}{sign}{amount:,.{digits}f}"


DOLLAR = Currency("USD", 1.0)
