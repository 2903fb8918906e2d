"""Ways to isolate a machine, one module each."""
