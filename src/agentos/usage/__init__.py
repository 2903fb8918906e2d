"""Usage: what model calls cost."""
