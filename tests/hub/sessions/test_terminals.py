"""A terminal of a session's machine, typed into by requests and read as a stream."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from tests.hub.sessions.conftest import Open, Sessions

from agentos.hub.machines import terminals


async def opened(hub: Sessions) -> tuple[str, str]:
    """Begin a session and a terminal in it; return their ids."""
    id = (await hub.begin())["id"]
    size = {"columns": 100, "rows": 30}
    return id, (await hub.said("POST", f"/sessions/{id}/terminals", size))["id"]


async def type_in(hub: Sessions, terminal: str, text: str) -> None:
    data = base64.b64encode(text.encode()).decode()
    assert await hub.said("POST", f"/terminals/{terminal}/input", {"data": data}) is None


async def shown(
    hub: Sessions, terminal: str, until: str, after: int | None = None
) -> tuple[str, int]:
    """What a terminal shows up to some text, and the place behind it."""
    text = b""
    async for kind, data, place in hub.stream(f"/terminals/{terminal}/output", after):
        if kind == "message":
            assert place is not None
            text += base64.b64decode(data)
            assert place == (after or 0) + len(text)
            if until in text.decode(errors="replace"):
                return text.decode(), place
    raise AssertionError(text)


async def test_bash_is_typed_into_resized_and_found_again(sessions: Open) -> None:
    async with sessions() as hub:
        id, terminal = await opened(hub)
        await type_in(hub, terminal, "echo $((6*7)) $BASH_VERSION; pwd; stty size\n")
        text, place = await shown(hub, terminal, "30 100")
        assert "42 5." in text
        assert "/home/agentos/workspace" in text
        size = {"columns": 71, "rows": 19}
        assert await hub.said("POST", f"/terminals/{terminal}/size", size) is None
        await type_in(hub, terminal, "stty size; touch typed\n")
        more, _ = await shown(hub, terminal, "19 71", after=place)
        assert "30 100" not in more
        whole, _ = await shown(hub, terminal, "19 71")
        assert whole.startswith(text + more)
        machine = (await hub.said("GET", f"/sessions/{id}"))["machine"]
        assert (await hub.said("GET", f"/machines/{machine}"))["terminals"] == [terminal]
        await hub.said("DELETE", f"/terminals/{terminal}")
        assert (await hub.ask("GET", f"/terminals/{terminal}/output")).status_code == 404
        ran = {"argv": ["pgrep", "-c", "bash"]}
        assert (await hub.said("POST", f"/machines/{machine}/exec", ran))["stdout"] == "0\n"


async def test_its_end_is_told(sessions: Open) -> None:
    async with sessions() as hub:
        _, terminal = await opened(hub)
        await type_in(hub, terminal, "exit 7\n")
        told: list[tuple[str, Any]] = []
        async for kind, data, _ in hub.stream(f"/terminals/{terminal}/output"):
            told.append((kind, data))
        assert told[-1] == ("exit", "7")
        late = await hub.ask("POST", f"/terminals/{terminal}/input", {"data": "eA=="})
        assert (late.status_code, late.json()["error"]["code"]) == (409, "terminal_ended")


async def test_what_is_kept_no_more_is_said(
    sessions: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminals, "MOST_KEPT", 1000)
    async with sessions() as hub:
        _, terminal = await opened(hub)
        await type_in(hub, terminal, "seq 5000; echo The End | tr a-z A-Z\n")
        lost, text = 0, b""
        while b"THE END" not in text:  # a reader that was not there meanwhile
            lost, text = 0, b""
            async for kind, data, _ in hub.stream(f"/terminals/{terminal}/output"):
                if kind == "gap":
                    lost += int(data)
                else:
                    text += base64.b64decode(data)
                    break
        assert lost > 20_000
        assert len(text) <= 1000


async def test_a_machine_has_so_many_terminals(
    sessions: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminals, "MOST_TERMINALS", 3)
    async with sessions() as hub:
        id, _ = await opened(hub)
        asked = (hub.ask("POST", f"/sessions/{id}/terminals", {}) for _ in range(6))
        answers = await asyncio.gather(*asked)
        assert sorted(one.status_code for one in answers) == [201, 201, 429, 429, 429, 429]
        refused = await hub.ask("POST", f"/sessions/{id}/terminals", {})
        assert refused.json()["error"]["code"] == "too_many_terminals"


async def test_what_is_no_base64_is_refused(sessions: Open) -> None:
    async with sessions() as hub:
        _, terminal = await opened(hub)
        answer = await hub.ask("POST", f"/terminals/{terminal}/input", {"data": "%%%"})
        assert answer.status_code == 422
