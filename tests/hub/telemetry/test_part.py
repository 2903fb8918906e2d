"""Telemetry in the whole hub, behind its guard."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from tests.hub.conftest import Started

from agentos.home.projects import Project
from agentos.hub.app import PARTS
from agentos.hub.auth.needs import needs
from agentos.hub.hub import Hub
from agentos.hub.scopes import Principal, Scope
from agentos.hub.settings import HubSettings
from agentos.hub.telemetry import part
from agentos.hub.telemetry.event import EventRecord, HubEvent, Kind


def tools(app: FastAPI, hub: Hub) -> None:
    """A part whose route calls a tool."""

    @app.post("/call/{tool}")
    async def call(
        tool: str, body: dict[str, str], who: Annotated[Principal, needs(Scope.FS_READ)]
    ) -> str:
        await asyncio.create_task(_call(hub, tool, who))
        return "done"


async def _call(hub: Hub, tool: str, who: Principal) -> None:
    hub.telemetry.record(
        HubEvent(kind=Kind.TOOL, name=tool, principal=who.name, request_id="1", client="codex")
    )


def told(record: EventRecord) -> tuple[str, str, str, str]:
    return record.kind, record.name, record.outcome, record.principal


async def test_every_request_is_recorded_by_its_route(asking: Started) -> None:
    async with asking(parts=[*PARTS, tools]) as hub:
        answers = [
            await hub.ask("POST", "/call/fs_list", body={"some": "thing"}),
            await hub.ask("GET", "/nowhere/secret-4711"),
            await hub.ask("GET", "/status", token=None),
            await hub.ask("GET", "/status", token="wrong"),
            await hub.ask("GET", "/healthz"),
        ]
        recent = hub.hub.telemetry.recent()
    assert [told(record) for record in reversed(recent)] == [
        ("tool", "fs_list", "ok", "user"),
        ("http", "POST /call/{tool}", "ok", "user"),
        ("http", part.NO_ROUTE, "http_404", "user"),
        ("http", part.NO_ROUTE, "token_missing", ""),
        ("http", part.NO_ROUTE, "token_unknown", ""),
        ("http", "GET /healthz", "ok", ""),
    ]
    request, call = recent[-2], recent[-1]
    assert call.request_id == request.request_id == answers[0].headers["x-request-id"]
    assert request.bytes_in == len(b'{"some":"thing"}')
    assert request.bytes_out == len(answers[0].content)
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


def other_frameworks(app: FastAPI, hub: Hub) -> None:
    """A part of plain routes and a mounted application."""

    async def answer(request: Request) -> Response:
        return Response(request.url.path)

    app.router.routes += [
        Route("/plain", answer),
        Route("/of/{name}", answer),
        Mount("/pages", Starlette(routes=[Route("/{name}", answer)])),
    ]


async def test_routes_of_any_kind_have_few_names(asking: Started) -> None:
    async with asking(parts=[*PARTS, other_frameworks]) as hub:
        for path in ("/plain", "/of/a", "/of/b", "/pages/a", "/pages/b"):
            assert (await hub.ask("GET", path)).status_code == 200
        names = [record.name for record in reversed(hub.hub.telemetry.recent())]
    assert names == ["GET /plain", *[part.NO_ROUTE] * 2, *["GET /pages/*"] * 2]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("build-4711", True), ("short", False), ("x" * 65, False), ("a b c d e f", False)],
)
async def test_a_clients_request_id_is_kept_if_it_is_one(
    asking: Started, given: str, kept: bool
) -> None:
    async with asking() as hub:
        answer = await hub.ask("GET", "/status", headers={"x-request-id": given})
    assert (answer.headers["x-request-id"] == given) is kept


async def test_counters_survive_a_restart_of_the_hub(asking: Started) -> None:
    for _ in range(2):
        async with asking() as hub:
            await hub.ask("POST", "/command-log", body={"command": "/ship"})
            status = (await hub.ask("GET", "/status")).json()
    counts = {(each["kind"], each["name"]): each["count"] for each in status["counters"]}
    assert counts["command", "/ship"] == 2
    assert counts["http", "POST /command-log"] == 2


async def test_the_projects_are_those_of_the_settings(asking: Started) -> None:
    settings = HubSettings(projects=(Project("website", Path("/website")),))
    async with asking(settings) as hub:
        unknown = await hub.ask("POST", "/set-project", body={"project": "elsewhere"})
        chosen = await hub.ask("POST", "/set-project", body={"project": "website"})
        assert hub.hub.projects.active() == settings.projects[0]
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (422, "project_unknown")
    assert chosen.json() == {"active": "website", "clients": {}}


async def test_half_a_character_in_a_body_is_an_answer_not_a_failure(asking: Started) -> None:
    async with asking() as hub:
        for path, field in (
            ("/set-project", "project"),
            ("/portfolio-read", "file"),
            ("/command-log", "command"),
        ):
            body = f'{{"{field}": "\\ud800"}}'.encode()
            headers = {"content-type": "application/json"}
            answer = await hub.ask("POST", path, content=body, headers=headers)
            assert answer.status_code in (202, 422), answer.text
        recent = (await hub.ask("GET", "/status")).json()["recent"]
    assert len(recent) >= 3


async def test_who_follows_is_let_go_when_the_hub_is_about_to_end(asking: Started) -> None:
    async with asking() as hub, aclosing(hub.hub.telemetry.follow()) as following:
        await anext(following)
        hub.hub.closing.set()
        assert [item async for item in following if isinstance(item, EventRecord)] == []
