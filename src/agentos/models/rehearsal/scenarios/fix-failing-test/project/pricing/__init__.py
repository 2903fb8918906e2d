"""Prices, discounts and invoices."""
