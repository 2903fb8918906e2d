"""What the guard lets through, and what it answers to everything else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import pytest
from fastapi import Body, FastAPI, Request
from fastapi.responses import StreamingResponse

from agentos.errors import ConfigInvalid, SessionNotFound
from agentos.hub import health
from agentos.hub.auth.guard import FAILURES_PER_MINUTE
from agentos.hub.auth.needs import needs
from agentos.hub.hub import Hub
from agentos.hub.scopes import Principal, Scope
from agentos.hub.settings import HubSettings

if TYPE_CHECKING:
    from tests.hub.conftest import Serve, Started


class Room:
    """A part of the test's own; `entered` is what reached it."""

    def __init__(self) -> None:
        self.entered: list[str] = []

    def __call__(self, app: FastAPI, hub: Hub) -> None:
        @app.api_route(
            "/room", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False
        )
        async def room(
            request: Request, principal: Annotated[Principal, needs(Scope.FS_READ)]
        ) -> dict[str, object]:
            size = len(await request.body())
            self.entered.append(request.method)
            return {"who": principal.name, "session": principal.session, "size": size}

        @app.post("/typed")
        async def typed(number: Annotated[int, Body(embed=True)]) -> int:
            return number

        @app.get("/fails/{how}")
        async def fails(how: str) -> None:
            if how == "ours":
                raise ConfigInvalid("the file is odd", hint="mend it")
            if how == "missing":
                raise SessionNotFound("no session x")
            raise ZeroDivisionError("private words")

        @app.get("/stream")
        async def stream() -> StreamingResponse:
            async def words() -> AsyncIterator[bytes]:
                yield b"one "
                yield b"two"

            return StreamingResponse(words())

        @app.get("/endless")
        async def endless(kind: str) -> StreamingResponse:
            async def words() -> AsyncIterator[bytes]:
                while True:
                    yield b": still here\n\n"
                    await asyncio.sleep(0.01)

            return StreamingResponse(words(), media_type=kind)


@pytest.fixture
def room() -> Room:
    return Room()


def code(text: str) -> str:
    error = json.loads(text)["error"]
    assert set(error) == {"code", "message", "hint"}
    return str(error["code"])


async def test_the_users_token_opens_a_route(asking: Started, room: Room) -> None:
    async with asking(parts=[room]) as hub:
        answer = await hub.ask("GET", "/room")
    assert answer.json() == {"who": "user", "session": None, "size": 0}
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
async def test_without_a_token_nothing_opens(asking: Started, room: Room, method: str) -> None:
    async with asking(parts=[room]) as hub:
        for path in ("/room", "/openapi.json", "/nowhere", "/", "/mcp", "//healthz", "/healthz/"):
            answer = await hub.ask(method, path, token=None, headers={"content-type": "a/b"})
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"].startswith("Bearer")
            if method != "HEAD":
                assert code(answer.text) == "token_missing"
    assert room.entered == []


@pytest.mark.parametrize(
    "shown", ["Bearer wrong", "Bearer ", "Bearer", "Basic dXNlcjp4", "bearer é", "Bearer \x00"]
)
async def test_other_credentials_open_nothing(asking: Started, room: Room, shown: str) -> None:
    async with asking(parts=[room]) as hub:
        headers = [(b"authorization", shown.encode("latin-1"))]
        answer = await hub.client.get("/room", headers=headers)
    assert answer.status_code == 401
    assert room.entered == []


async def test_healthz_is_open_and_says_nothing_more(asking: Started) -> None:
    async with asking(parts=[health.add]) as hub:
        answer = await hub.ask("GET", "/healthz", token=None)
        assert answer.json() == {"status": "ok"}
        assert (await hub.ask("POST", "/healthz", token=None)).status_code == 401


async def test_well_known_is_a_json_404_for_everybody(asking: Started) -> None:
    async with asking() as hub:
        for name in ("oauth-protected-resource", "oauth-authorization-server/mcp", ""):
            for method in ("GET", "POST"):
                answer = await hub.ask(method, f"/.well-known/{name}", token=None)
                assert answer.status_code == 404
                assert answer.headers["content-type"] == "application/json"
                assert code(answer.text) == "not_found"


async def test_unknown_routes_and_methods_are_json(asking: Started, room: Room) -> None:
    async with asking(parts=[room]) as hub:
        nowhere = await hub.ask("GET", "/nowhere", headers={"accept": "text/html"})
        assert (nowhere.status_code, code(nowhere.text)) == (404, "not_found")
        wrong = await hub.ask("DELETE", "/typed")
        assert (wrong.status_code, code(wrong.text)) == (405, "method_not_allowed")
        odd = await hub.ask("POST", "/typed", body={"number": "x"})
        assert (odd.status_code, code(odd.text)) == (422, "request_invalid")
        assert "number" in odd.json()["error"]["message"]


async def test_errors_are_told_with_their_hint(asking: Started, room: Room) -> None:
    async with asking(parts=[room]) as hub:
        ours = await hub.ask("GET", "/fails/ours")
        assert ours.status_code == 422
        error = {"code": "config_invalid", "message": "the file is odd", "hint": "mend it"}
        assert ours.json() == {"error": error}
        assert (await hub.ask("GET", "/fails/missing")).status_code == 404
        unforeseen = await hub.ask("GET", "/fails/else")
        assert (unforeseen.status_code, code(unforeseen.text)) == (500, "internal")
        assert "private words" not in unforeseen.text
    assert [record.status for record in hub.seen.records] == [422, 404, 500]


async def test_a_scoped_token_opens_what_it_names(asking: Started, room: Room) -> None:
    async with asking(parts=[room]) as hub:
        reads = hub.hub.tokens.for_session("s1", [Scope.FS_READ])
        writes = hub.hub.tokens.create([Scope.FS_WRITE], name="writer")
        assert (await hub.ask("GET", "/room", token=reads)).json()["session"] == "s1"
        answer = await hub.ask("GET", "/room", token=writes)
    assert (answer.status_code, code(answer.text)) == (403, "scope_missing")
    assert "fs:read" in answer.text


@pytest.mark.parametrize(
    "host", ["127.0.0.1:3000", "localhost:3000", "LOCALHOST:3000", "[::1]:3000"]
)
async def test_the_loopback_names_are_the_hubs(asking: Started, room: Room, host: str) -> None:
    async with asking(parts=[room]) as hub:
        assert (await hub.ask("GET", "/room", headers={"host": host})).status_code == 200


async def test_configured_and_machine_names_are_the_hubs(asking: Started, room: Room) -> None:
    settings = HubSettings(allowed_hosts=("hub.example",))
    async with asking(settings, [room]) as hub:
        for host in ("hub.agentos.internal", "hub.agentos.internal:80", "hub.example:1234"):
            assert (await hub.ask("GET", "/room", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("attacker.example", "attacker.example:3000", "localhost", "localhost:3001", "127.0.0.1"),
        *("127.0.0.1.attacker.example:3000", "localhost.:3000", "127.0.0.2:3000", "0.0.0.0:3000"),
        *("user@127.0.0.1:3000", "127.0.0.1:3000,attacker.example", "[::ffff:127.0.0.1]:3000"),
        *("hub.agentos.internal.attacker.example", "xhub.agentos.internal", "2130706433:3000", ""),
        *("hub.agentos.internal:٣", "hub.agentos.internal:"),
    ],
)
async def test_other_names_are_not(asking: Started, room: Room, host: str) -> None:
    async with asking(parts=[room, health.add]) as hub:
        for path in ("/room", "/healthz", "/.well-known/x"):
            headers = {b"host": host.encode("utf-8")}
            shown = f"Bearer {hub.hub.tokens.user()}".encode()
            answer = await hub.client.get(path, headers={**headers, b"authorization": shown})
            assert (answer.status_code, code(answer.text)) == (421, "host_not_allowed")
    assert room.entered == []


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "https://attacker.example", "http://127.0.0.1:3001", "https://127.0.0.1:3000"),
        *("http://localhost:3000", "http://127.0.0.1:3000/", "file://", ""),
    ],
)
async def test_pages_of_other_origins_are_refused(asking: Started, room: Room, origin: str) -> None:
    async with asking(parts=[room, health.add]) as hub:
        for path in ("/room", "/healthz"):
            answer = await hub.ask("GET", path, headers={"origin": origin})
            assert (answer.status_code, code(answer.text)) == (403, "origin_not_allowed")
    assert room.entered == []


async def test_own_and_configured_origins_are_served(asking: Started, room: Room) -> None:
    settings = HubSettings(allowed_origins=("https://board.example",))
    async with asking(settings, [room]) as hub:
        for headers in (
            {"origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-origin"},
            {"origin": "https://board.example", "sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "none"},
        ):
            answer = await hub.ask("GET", "/room", headers=headers)
            assert answer.status_code == 200
            assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("site", ["cross-site", "same-site", "odd", ""])
async def test_requests_of_other_sites_pages_are_refused(
    asking: Started, room: Room, site: str
) -> None:
    async with asking(parts=[room]) as hub:
        answer = await hub.ask("GET", "/room", headers={"sec-fetch-site": site})
    assert (answer.status_code, code(answer.text)) == (403, "cross_site")


@pytest.mark.parametrize(
    "kind",
    [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
        *("", "text/plain; a=application/json", "application/jsonx", "json"),
    ],
)
async def test_bodies_are_json_or_refused(asking: Started, room: Room, kind: str) -> None:
    async with asking(parts=[room]) as hub:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = await hub.ask(method, "/room", content=b"{}", headers={"content-type": kind})
            assert (answer.status_code, code(answer.text)) == (415, "not_json"), method
        empty = await hub.ask("POST", "/room")
        assert empty.status_code == 415
        good = {"content-type": "application/json; charset=utf-8"}
        assert (await hub.ask("POST", "/room", content=b"{}", headers=good)).status_code == 200
        assert (await hub.ask("DELETE", "/room")).status_code == 200
    assert room.entered == ["POST", "DELETE"]


async def test_a_body_is_bounded_whether_it_says_its_length_or_not(
    asking: Started, room: Room
) -> None:
    async def parts(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 100

    json_type = {"content-type": "application/json"}
    async with asking(HubSettings(max_body_bytes=1000), [room]) as hub:
        for fits, too_large in ((b"x" * 1000, b"x" * 1001), (parts(10), parts(11))):
            answer = await hub.ask("POST", "/room", content=fits, headers=json_type)
            assert answer.json()["size"] == 1000
            answer = await hub.ask("POST", "/room", content=too_large, headers=json_type)
            assert (answer.status_code, code(answer.text)) == (413, "body_too_large")
            assert answer.headers["connection"] == "close"
        for length in ("-1", "1e3", "٣", "9" * 40):
            headers = {b"content-type": b"application/json", b"content-length": length.encode()}
            shown = f"Bearer {hub.hub.tokens.user()}".encode()
            answer = await hub.client.post(
                "/room", content=b"{}", headers={**headers, b"authorization": shown}
            )
            assert answer.status_code in (400, 413), length
    assert room.entered == ["POST", "POST"]


async def test_headers_that_come_twice_are_refused(asking: Started, room: Room) -> None:
    async with asking(parts=[room]) as hub:
        shown = f"Bearer {hub.hub.tokens.user()}"
        twice = [("authorization", shown), ("authorization", "Bearer x")]
        answer = await hub.client.get("/room", headers=twice)
    assert (answer.status_code, code(answer.text)) == (400, "header_twice")


async def test_who_asks_too_often_waits_and_others_do_not(asking: Started, room: Room) -> None:
    async with asking(HubSettings(requests_per_minute=5), [room]) as hub:
        other = hub.hub.tokens.create([Scope.FS_READ], name="other")
        answers = [await hub.ask("GET", "/room") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 12
        assert code(answers[-1].text) == "too_many_requests"
        assert (await hub.ask("GET", "/room", token=other)).status_code == 200


async def test_who_guesses_waits_and_the_right_token_does_not(asking: Started, room: Room) -> None:
    async with asking(parts=[room]) as hub:
        codes = [
            (await hub.ask("GET", "/room", token=f"guess {n}")).status_code
            for n in range(FAILURES_PER_MINUTE + 3)
        ]
        assert codes[:FAILURES_PER_MINUTE] == [401] * FAILURES_PER_MINUTE
        assert codes[-1] == 429
        assert (await hub.ask("GET", "/room")).status_code == 200


async def test_failed_attempts_are_logged_without_what_was_shown(
    asking: Started, room: Room
) -> None:
    from structlog.testing import capture_logs

    async with asking(parts=[room]) as hub:
        with capture_logs() as logged:
            await hub.ask("GET", "/room", token="hunter2")
    assert [entry["event"] for entry in logged] == ["attempt refused"]
    assert logged[0]["code"] == "token_unknown"
    assert logged[0]["address"] == "127.0.0.1"
    assert "hunter2" not in str(logged)


async def test_every_request_is_recorded(asking: Started, room: Room) -> None:
    async with asking(parts=[room, health.add]) as hub:
        session = hub.hub.tokens.for_session("s1", [Scope.FS_READ])
        await hub.ask("GET", "/room?secret=1", token=session, headers={"user-agent": "codex/1"})
        await hub.ask("GET", "/room", token=None)
        await hub.ask("GET", "/stream")
        await hub.ask("GET", "/healthz", token=None)
    said = [
        (record.method, record.path, record.status, record.principal, record.session)
        for record in hub.seen.records
    ]
    assert said == [
        ("GET", "/room", 200, "session s1", "s1"),
        ("GET", "/room", 401, None, None),
        ("GET", "/stream", 200, "user", None),
        ("GET", "/healthz", 200, None, None),
    ]
    assert hub.seen.records[0].client == "codex/1"
    assert hub.seen.records[1].refusal == "token_missing"
    assert all(record.duration > 0 for record in hub.seen.records)


async def test_who_leaves_an_event_stream_has_not_failed(serving: Serve, room: Room) -> None:
    async with serving(room) as hub:
        for kind in ("text/event-stream", "text/plain"):
            async with hub.client.stream("GET", f"/endless?kind={kind}") as answer:
                await anext(answer.aiter_bytes())
        while len(hub.seen.records) < 2:
            await asyncio.sleep(0)
    assert [record.status for record in hub.seen.records] == [200, 499]


async def test_the_openapi_document_is_guarded_and_names_the_token(
    asking: Started, room: Room
) -> None:
    async with asking(parts=[room, health.add]) as hub:
        answer = await hub.ask("GET", "/openapi.json")
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["security"] == [{"token": []}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["paths"]["/healthz"]["get"]["security"] == []
