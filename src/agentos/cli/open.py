"""`agentos open`: the dashboard in a browser."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from agentos.config import state_dir


def open_(
    only_print: Annotated[
        bool, typer.Option("--print", help="Print the link; open no browser.")
    ] = False,
) -> None:
    """Open the dashboard by a link that signs one browser in, once; start the hub if needed.

    The link is good for two minutes.
    """
    from agentos.hub.lifecycle import client, control

    running, _ = control.up(state_dir())
    made = client.post(running, state_dir(), "/api/v1/browser/codes", timeout=10.0)
    # What comes after # stays in the browser: no log and no request holds it.
    link = f"{running.url}/#/open/{made['code']}"
    typer.echo(link)
    if not only_print and _has_screen():
        import webbrowser

        webbrowser.open(link)


def _has_screen() -> bool:
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
