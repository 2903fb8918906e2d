"""How the hub runs: one process that starts, is found, hands over to the next, and ends."""
