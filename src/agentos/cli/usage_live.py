"""`agentos usage live`: today's use, drawn anew as it grows."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from rich.console import Group as Stack
from rich.live import Live
from rich.text import Text

from agentos.cli.usage_table import notes, table_of
from agentos.store import Store
from agentos.usage.calendar import zone
from agentos.usage.questions import report
from agentos.usage.rows import Group
from agentos.usage.settings import load_usage_settings


async def watch(by: Group, time_zone: str | None, every: float) -> None:
    """Show what is used today until it is cancelled.

    Args:
        by: What to sum up by.
        time_zone: Where the day begins; by default as `agentos.toml` says, or here.
        every: Seconds between two looks.
    """
    store = await Store.open()
    try:
        with Live(auto_refresh=False) as screen:
            while True:
                screen.update(
                    await _picture(store, by, time_zone, screen.console.width), refresh=True
                )
                await asyncio.sleep(every)
    finally:
        await asyncio.shield(store.close())


async def _picture(store: Store, by: Group, time_zone: str | None, width: int) -> Stack:
    today = await report("today", by=[by], time_zone=time_zone, store=store)
    where = zone(time_zone or load_usage_settings().time_zone)
    head = Text(f"Today until {datetime.now(UTC).astimezone(where):%H:%M:%S}", style="bold")
    if not today.total.calls:
        return Stack(head, Text("Nothing was used yet.  Ctrl-C ends."))
    table = table_of(today, width)
    lines = [Text(table.head, "bold"), *map(Text, table.rows), Text(table.foot, "bold")]
    said = (*notes(today.total), *table.notes, "Ctrl-C ends.")
    return Stack(head, *lines, *(Text(note, style="dim") for note in said))
