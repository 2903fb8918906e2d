"""Where the `agentos` command begins: what has to be there at once goes past the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    words = sys.argv[1:]
    if words == ["usage", "statusline"]:
        from agentos.usage import statusline

        statusline.main()
    else:
        from agentos.cli.main import main as whole

        whole()
