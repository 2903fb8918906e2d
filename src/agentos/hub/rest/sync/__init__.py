"""Sync: how clients stand, what would be done to them, and doing it."""
