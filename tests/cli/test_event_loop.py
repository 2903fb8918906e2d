"""Running a command's coroutine: what an interrupt leaves."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from typing import Any

import pytest
import typer

from agentos.cli.event_loop import run_command


def test_an_interrupt_before_it_is_begun_leaves_no_coroutine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(command: Coroutine[Any, Any, None]) -> None:
        raise KeyboardInterrupt

    async def work() -> None: ...

    monkeypatch.setattr(asyncio, "run", interrupted)
    command = work()
    with pytest.raises(typer.Exit) as ended:
        run_command(command)
    assert ended.value.exit_code == 130
    assert inspect.getcoroutinestate(command) == inspect.CORO_CLOSED


def test_a_cancelled_command_was_interrupted() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(typer.Exit) as ended:
        run_command(work())
    assert ended.value.exit_code == 130
