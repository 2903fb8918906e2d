"""Servers inside a machine, reached from the host."""
