"""Interpreters that stay: code runs in them piece by piece, and what it defines is kept."""
