"""`python -m agentos` is the `agentos` command."""

from agentos.cli.entry import main

if __name__ == "__main__":
    main()
