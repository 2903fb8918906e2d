"""The routes, on a real server, behind a guard that says who asks."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from tests.hub.telemetry.conftest import QUICK

from agentos.home.projects import ActiveProjects
from agentos.hub import scopes
from agentos.hub.answers import answer_errors
from agentos.hub.scopes import Principal
from agentos.hub.telemetry import reports, routes, tail
from agentos.hub.telemetry.event import HubEvent, Kind
from agentos.hub.telemetry.telemetry import Telemetry
from agentos.store import Store

USER = Principal("user", frozenset({scopes.Scope.ALL}))


class Hub:
    """An application whose requests come from `principal`."""

    def __init__(self, telemetry: Telemetry, home: Path, client: httpx2.AsyncClient) -> None:
        self.principal = USER
        self.telemetry = telemetry
        self.client = client
        self.app = FastAPI()
        self.app.state.telemetry, self.app.state.home = telemetry, home
        self.app.include_router(reports.router)
        self.app.include_router(routes.router)
        answer_errors(self.app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["principal"] = self.principal
        await self.app(scope, receive, send)

    def scoped(self, *allowed: scopes.Scope, session: str | None = None) -> None:
        self.principal = Principal("scoped", frozenset(allowed), session)

    async def post(self, path: str, body: object) -> httpx2.Response:
        return await self.client.post(path, json=body, headers={"User-Agent": "codex_cli_rs/1.0"})

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.get(
            path, headers={k.replace("_", "-"): headers[k] for k in headers}
        )

    @asynccontextmanager
    async def events(self, path: str = "/api/v1/events", **headers: str) -> AsyncIterator[Reader]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.stream("GET", path, headers=named) as answer:
            assert answer.status_code == 200, await answer.aread()
            reader = Reader(answer)
            await reader.block()  # it follows now
            yield reader


class Reader:
    """Reads server-sent events."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer
        self.id = ""
        self._lines = answer.aiter_lines()

    async def block(self) -> dict[str, str]:
        found: dict[str, str] = {}
        async for line in self._lines:
            if not line:
                self.id = found.get("id", self.id)
                return found
            name, _, value = line.partition(":")
            found[name] = value.strip()
        raise EOFError

    async def event(self) -> dict[str, Any]:
        while True:
            found = await self.block()
            if "data" in found:
                data: dict[str, Any] = json.loads(found["data"])
                assert found["event"] == data["kind"]
                assert found["id"] == str(data["id"])
                return data


@asynccontextmanager
async def served(store: Store, projects: ActiveProjects, home: Path) -> AsyncIterator[Hub]:
    listener = socket.create_server(("127.0.0.1", 0))
    async with (
        Telemetry(store, projects=projects, pace=QUICK) as telemetry,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client,
        asyncio.TaskGroup() as group,
    ):
        hub = Hub(telemetry, home, client)
        server = uvicorn.Server(uvicorn.Config(hub, log_config=None, lifespan="off"))
        group.create_task(server.serve(sockets=[listener]))
        try:
            yield hub
        finally:
            server.should_exit = True
            telemetry.end_streams()


@pytest.fixture
async def hub(light_store: Store, projects: ActiveProjects, tmp_path: Path) -> AsyncIterator[Hub]:
    async with served(light_store, projects, tmp_path / "home") as running:
        yield running


def tool(name: str, **about: Any) -> HubEvent:
    return HubEvent(kind=Kind.TOOL, name=name, **about)


async def test_reports_are_recorded(hub: Hub) -> None:
    read = await hub.post("/portfolio-read", {"file": "identity.md", "client": "claude"})
    ran = await hub.post(
        "/command-log",
        {"command": "/ship", "outcome": "failed", "duration_ms": 5, "arguments": {"token": "x"}},
    )
    assert (read.status_code, ran.status_code) == (202, 202)
    await hub.telemetry.flush()
    command, portfolio = (await hub.get("/api/v1/log")).json()["events"]
    assert (portfolio["kind"], portfolio["name"]) == ("portfolio_read", "identity.md")
    assert (portfolio["client"], portfolio["principal"]) == ("claude", "user")
    assert (command["name"], command["client"], command["outcome"]) == ("/ship", "codex", "failed")
    assert command["arguments"] == {"token": "<secret>"}


async def test_the_project_is_set_for_all_or_for_one(hub: Hub) -> None:
    everybody = await hub.post("/set-project", {"project": "website"})
    assert everybody.json() == {"active": "website", "clients": {}}
    await hub.post("/set-project", {"project": "billing", "client": "codex"})
    await hub.post("/command-log", {"command": "a", "client": "codex"})
    await hub.post("/command-log", {"command": "b", "client": "claude"})
    b, a = hub.telemetry.recent(2)
    assert (a.project, b.project) == ("billing", "website")
    unknown = await hub.post("/set-project", {"project": "elsewhere"})
    assert unknown.json()["error"]["code"] == "project_unknown"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/portfolio-read", {}),
        ("/portfolio-read", {"file": ""}),
        ("/portfolio-read", {"file": "x" * 201}),
        ("/portfolio-read", {"file": 7}),
        ("/portfolio-read", {"file": "a", "more": 1}),
        ("/portfolio-read", []),
        ("/command-log", {"command": "a", "duration_ms": -1}),
        ("/command-log", {"command": "a", "duration_ms": "long"}),
        ("/command-log", {"command": "a", "arguments": "x"}),
        ("/set-project", {}),
        ("/set-project", {"project": ""}),
    ],
)
async def test_a_report_that_is_not_one_is_refused(hub: Hub, path: str, body: object) -> None:
    assert (await hub.post(path, body)).status_code == 422
    assert hub.telemetry.recent() == []


async def test_a_million_characters_of_arguments_become_a_hash(hub: Hub) -> None:
    answer = await hub.post("/command-log", {"command": "a", "arguments": {"x": "y" * 1_000_000}})
    assert answer.status_code == 202
    [record] = hub.telemetry.recent()
    assert len(record.arguments or "") < 100


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "after=-1",
        f"after={2**70}",
        "kind=other",
        "since=yesterday",
        "since=2026-01-01T00:00:00",
        "since=0001-01-01T00:00:00%2B14:00",
        "name=" + "x" * 201,
    ],
)
async def test_a_query_that_is_not_one_is_refused(hub: Hub, query: str) -> None:
    assert (await hub.get(f"/api/v1/log?{query}")).status_code == 422
    assert (await hub.get(f"/api/v1/events?{query.replace('limit', 'after')}x")).status_code == 422


@pytest.mark.parametrize("name", ["%00", "%ff", "'; drop table hub_event; --", "%25"])
async def test_whatever_is_looked_for_is_only_a_text(hub: Hub, name: str) -> None:
    assert (await hub.get(f"/api/v1/log?name={name}")).json() == {"events": [], "next": None}


async def test_scopes_are_asked_for(hub: Hub) -> None:
    hub.scoped(scopes.Scope.FS_READ)
    for path in ("/status", "/api/v1/log", "/api/v1/events", "/metrics"):
        assert (await hub.get(path)).status_code == 403
    for path, body in (
        ("/portfolio-read", {"file": "a"}),
        ("/command-log", {"command": "a"}),
        ("/set-project", {"project": None}),
    ):
        assert (await hub.post(path, body)).status_code == 403
    assert hub.telemetry.recent() == []


async def test_a_sessions_token_changes_no_project_and_sees_only_its_own(hub: Hub) -> None:
    hub.telemetry.record(tool("mine", principal="scoped"))
    hub.telemetry.record(tool("not-mine", principal="user"))
    await hub.telemetry.flush()
    hub.scoped(scopes.Scope.TELEMETRY_WRITE, scopes.Scope.STATUS_READ, session="s1")
    refused = await hub.post("/set-project", {"project": "website"})
    assert refused.json()["error"]["code"] == "project_not_yours"
    assert hub.telemetry.projects.name() is None
    assert [e["name"] for e in (await hub.get("/api/v1/log")).json()["events"]] == ["mine"]
    assert [e["name"] for e in (await hub.get("/status")).json()["recent"]] == ["mine"]
    async with hub.events(Last_Event_ID="0") as reader:
        assert (await reader.event())["name"] == "mine"
        hub.telemetry.record(tool("not-mine"))
        hub.telemetry.record(tool("mine-again", principal="scoped"))
        assert (await reader.event())["name"] == "mine-again"


async def test_the_status_tells_what_runs_and_what_was_asked(hub: Hub, tmp_path: Path) -> None:
    portfolio = tmp_path / "home" / "context-portfolio"
    portfolio.mkdir(parents=True)
    (portfolio / "identity.md").touch()
    for number in range(120):
        hub.telemetry.record(HubEvent(kind=Kind.HTTP, name="GET /status", request_id=str(number)))
    found = (await hub.get("/status")).json()
    assert found["server"]["name"] == "agentos"
    assert found["server"]["uptime_seconds"] > 0
    assert found["process"]["memory_bytes"] > 1_000_000
    assert found["requests"] == 120
    assert len(found["recent"]) == 100
    assert found["recent"][0]["request_id"] == "119"
    assert found["resources"] == [{"uri": "portfolio://identity", "name": "identity.md"}]
    [counter] = found["counters"]
    assert (counter["name"], counter["count"]) == ("GET /status", 120)
    assert found["log"]["dropped"] == 0


async def test_pages_lead_to_the_end_of_the_log(hub: Hub) -> None:
    for number in range(25):
        hub.telemetry.record(tool(str(number), client="codex" if number % 2 else "claude"))
    await hub.telemetry.flush()
    names, after = [], ""
    while True:
        page = (await hub.get(f"/api/v1/log?client=codex&limit=5{after}")).json()
        names += [event["name"] for event in page["events"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert names == [str(number) for number in range(23, 0, -2)]


async def test_a_page_that_did_not_change_is_not_sent_again(hub: Hub) -> None:
    hub.telemetry.record(tool("a"))
    await hub.telemetry.flush()
    first = await hub.get("/api/v1/log?kind=tool")
    hub.telemetry.record(HubEvent(kind=Kind.HTTP, name="GET /api/v1/log"))
    await hub.telemetry.flush()
    again = await hub.get("/api/v1/log?kind=tool", If_None_Match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    hub.telemetry.record(tool("b"))
    await hub.telemetry.flush()
    changed = await hub.get("/api/v1/log?kind=tool", If_None_Match=first.headers["etag"])
    assert len(changed.json()["events"]) == 2


async def test_events_come_as_they_are_written(hub: Hub) -> None:
    hub.telemetry.record(tool("before"))
    await hub.telemetry.flush()
    async with hub.events() as reader, hub.events("/api/v1/events?kind=command") as commands:
        hub.telemetry.record(tool("a", arguments={"line": "one\ntwo"}))
        await hub.post("/command-log", {"command": "/ship"})
        first, second = await reader.event(), await reader.event()
        assert (first["name"], second["name"]) == ("a", "/ship")
        assert first["arguments"] == {"line": "one\ntwo"}
        assert (await commands.event())["name"] == "/ship"


async def test_a_reader_who_returns_misses_nothing(hub: Hub) -> None:
    async with hub.events() as reader:
        hub.telemetry.record(tool("0"))
        await reader.event()
    for number in range(1, 3 * tail.RING):
        hub.telemetry.record(tool(str(number)))
    await hub.telemetry.flush()
    async with hub.events(Last_Event_ID=reader.id) as again:
        names = [(await again.event())["name"] for _ in range(1, 3 * tail.RING)]
        hub.telemetry.record(tool("live"))
        assert (await again.event())["name"] == "live"
    assert names == [str(number) for number in range(1, 3 * tail.RING)]


async def test_a_reader_of_a_store_that_was_there_before_starts_anew(hub: Hub) -> None:
    async with hub.events(Last_Event_ID="1000000") as reader:
        hub.telemetry.record(tool("a"))
        assert (await reader.event())["name"] == "a"


async def test_a_silence_is_filled_and_tells_the_place(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "HEARTBEAT", 0.01)
    async with hub.events("/api/v1/events?kind=command") as reader:
        hub.telemetry.record(tool("not wanted"))
        while reader.id != "1":
            assert "data" not in await reader.block()


async def test_a_reader_who_does_not_read_costs_no_memory_and_loses_nothing(hub: Hub) -> None:
    many = 4 * tail.RING
    async with hub.events() as slow, hub.events() as quick:
        for number in range(many):
            hub.telemetry.record(tool(str(number), arguments={"filler": "x" * 290}))
            if number % 1000 == 999:
                await hub.telemetry.flush()
        for number in range(many):
            assert (await quick.event())["name"] == str(number)
        assert hub.telemetry.ring_size <= tail.RING
        for number in range(many):
            assert (await slow.event())["name"] == str(number)


async def test_many_readers_get_the_same(hub: Hub) -> None:
    async def read() -> list[str]:
        async with hub.events() as reader:
            following.release()
            return [(await reader.event())["name"] for _ in range(50)]

    following = asyncio.Semaphore(0)
    hub.client = httpx2.AsyncClient(
        base_url=hub.client.base_url, limits=httpx2.Limits(max_connections=None)
    )
    async with hub.client, asyncio.TaskGroup() as group:
        readers = [group.create_task(read()) for _ in range(60)]
        for _ in readers:
            await following.acquire()
        for number in range(50):
            hub.telemetry.record(tool(str(number)))
    assert all(reader.result() == [str(n) for n in range(50)] for reader in readers)
    while hub.telemetry.readers:
        await asyncio.sleep(0)


async def test_too_many_readers_are_turned_away(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "MOST_READERS", 1)
    async with hub.events():
        refused = await hub.get("/api/v1/events")
        assert refused.json()["error"]["code"] == "too_many_readers"


async def test_streams_end_with_the_server(hub: Hub) -> None:
    async with hub.events() as reader:
        hub.telemetry.end_streams()
        with pytest.raises(EOFError):
            await reader.event()


async def test_metrics_are_prometheus_text(hub: Hub) -> None:
    hub.telemetry.record(HubEvent(kind=Kind.HTTP, name="GET /status", duration_ms=3))
    hub.telemetry.record(tool("agentOS_fs_read", outcome="outside_roots", duration_ms=700))
    hub.telemetry.record(tool('na"me\n', duration_ms=1))
    answer = await hub.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    from prometheus_client.parser import text_string_to_metric_families

    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["agentos_hub_http_requests_total", "GET /status", "ok"] == 1
    assert samples["agentos_hub_tool_calls_total", "agentOS_fs_read", "outside_roots"] == 1
    assert samples["agentos_hub_http_request_seconds_bucket", "0.0025", "GET /status"] == 0
    assert samples["agentos_hub_http_request_seconds_bucket", "0.005", "GET /status"] == 1
    assert samples["agentos_hub_tool_call_seconds_sum", "agentOS_fs_read"] == 0.7
    assert samples["agentos_hub_tool_calls_total", 'na"me\n', "ok"] == 1
    assert any(name[0] == "agentos_build_info" for name in samples)
