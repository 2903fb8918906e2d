"""The `agentos` command, one module per group of commands."""
