"""What a machine may use up, what it does use, and how the host holds it to that."""
