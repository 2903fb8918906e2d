"""Run with `python3 -m unittest`."""

from __future__ import annotations

import unittest
from decimal import Decimal

from pricing.invoice import Invoice


class InvoiceTest(unittest.TestCase):
    def test_adds_up_its_lines(self) -> None:
        invoice = Invoice("Ada")
        invoice.add("pencil", 3, "0.50")
        invoice.add("notebook", 2, "4.25")
        self.assertEqual(invoice.total, Decimal("10.00"))

    def test_rounds_to_whole_cents(self) -> None:
        invoice = Invoice("Ada")
        invoice.add("paper", 1, "600.10")
        self.assertEqual(invoice.total, Decimal("570.10"))

    def test_discount_begins_at_its_threshold(self) -> None:
        invoice = Invoice("Grace")
        invoice.add("desk", 2, "250.00")
        self.assertEqual(invoice.total, Decimal("475.00"))


if __name__ == "__main__":
    unittest.main()
