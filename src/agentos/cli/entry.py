"""The program `agentos`: what is asked all the time is answered before the parser is imported."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        _open_closed_streams()
        _write_in_any_encoding()
        _run()
    except KeyboardInterrupt:  # while it was still importing: nobody wants to see where
        sys.exit(130)


def _open_closed_streams() -> None:
    """Have no file that is opened later take the number of a stream that the caller closed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:
                os.dup2(nothing, number)
                os.close(nothing)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))


def _write_in_any_encoding() -> None:
    """Have a sign that the terminal's encoding lacks come out as an escape, not as an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run() -> None:
    from agentos.errors import AgentOsError

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
        except (AgentOsError, OSError):
            pass  # it comes again below, where every error is told
    if words in (["sync", "check"], ["sync", "check", "--json"], ["check-sync"]):
        from agentos.cli.sync_check import run_check

        try:
            sys.exit(run_check(None, as_json=words[-1] == "--json"))
        except (AgentOsError, OSError):
            pass
    from agentos.cli.main import main as parse_and_run

    parse_and_run()
