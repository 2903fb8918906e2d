"""The program `agentos`: what is asked all the time is answered before the parser is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        _run()
    except KeyboardInterrupt:  # while it was still importing: nobody wants to see where
        sys.exit(130)


def _run() -> None:
    words = sys.argv[1:]
    if words == ["usage", "statusline"]:
        from agentos.usage import statusline

        sys.exit(statusline.main())
    if words[:1] == ["usage"]:
        from agentos.cli.usage_quick import answer

        if answer(words[1:]):
            return
    if words in (["status"], ["status", "--json"]):
        from agentos.cli.status import show_status

        try:
            sys.exit(show_status(as_json=len(words) > 1))
        except OSError:
            pass  # it comes again below, where every error is told
    if words in (["sync", "check"], ["sync", "check", "--json"], ["check-sync"]):
        from agentos.cli.sync_check import run_check

        sys.exit(run_check(None, as_json=words[-1] == "--json"))
    from agentos.cli.main import main as parse_and_run

    parse_and_run()
