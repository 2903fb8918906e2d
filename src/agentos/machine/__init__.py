"""The machine: an isolated Linux computer with files, processes and a network policy."""
