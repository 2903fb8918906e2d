"""The hub: one authenticated loopback server that every agent and editor connects to."""
