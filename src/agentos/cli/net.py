"""`agentos net`: what machines reached, and what they were refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.event_loop import run_command
from agentos.cli.options import MOST_ROWS

if TYPE_CHECKING:
    from agentos.machine.network.decision_log import StoredDecision
    from agentos.machine.network.journal import Verdict

app = typer.Typer(no_args_is_help=True, help="See what machines reached.")


@app.command("log")
def log(
    machine: Annotated[
        str | None, typer.Option("--machine", "-m", help="Only of this machine.")
    ] = None,
    denied: Annotated[bool, typer.Option("--denied", help="Only what was denied.")] = False,
    last: Annotated[
        int, typer.Option("--last", "-n", min=1, max=MOST_ROWS, help="At most so many.")
    ] = 100,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, for programs.")
    ] = False,
) -> None:
    """Show the latest decisions about the network, oldest first."""
    found = run_command(_read(machine, "denied" if denied else None, last))
    for decision in found:
        typer.echo(_as_json(decision) if as_json else _as_line(decision))


async def _read(machine: str | None, verdict: Verdict | None, last: int) -> list[StoredDecision]:
    import asyncio

    from agentos.machine.network.decision_log import stored_decisions
    from agentos.store import Store

    store = await Store.open()
    try:
        return await stored_decisions(store, machine=machine, verdict=verdict, last=last)
    finally:
        await asyncio.shield(store.close())


def _as_line(decision: StoredDecision) -> str:
    record = decision.record
    place = record.name if record.port is None else f"{record.name}:{record.port}"
    about = [f"{record.bytes_out} B out, {record.bytes_in} B in"] if record.address else []
    about += [f"by {record.rule}", *([record.reason] if record.reason else [])]
    if record.address and record.address != record.name:
        about.insert(0, f"at {record.address}")
    if record.ended is None:
        about.append("open")
    at = record.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    words = f"{at}  {decision.machine[:8]} {decision.machine_name}  {record.verdict:7}  {place}"
    return f"{words}  ({'; '.join(about)})"


def _as_json(decision: StoredDecision) -> str:
    record = decision.record
    return json.dumps(
        {
            "machine": decision.machine,
            "machine_name": decision.machine_name,
            "at": record.at.isoformat(),
            "ended": record.ended.isoformat() if record.ended else None,
            "verdict": record.verdict,
            "name": record.name,
            "port": record.port,
            "address": record.address,
            "bytes_out": record.bytes_out,
            "bytes_in": record.bytes_in,
            "rule": record.rule,
            "reason": record.reason,
        }
    )
