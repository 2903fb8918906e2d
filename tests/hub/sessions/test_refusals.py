"""What the hub's sessions do not do: for others, for strangers, for ids that are none."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import urllib.parse
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.hub.sessions.conftest import Open, Sessions

from agentos.hub.errors import Refused
from agentos.hub.machines.models import NewMachine
from agentos.hub.machines.registry import MachineOwner
from agentos.hub.scopes import Scope
from agentos.hub.sessions import live, owner
from agentos.models.rehearsal import Step

SECRET = "dummy-7f3a9c51"
HOSTILE = [
    "..",
    "../../etc/passwd",
    "%2e%2e%2f%2e%2e",
    "a/b",
    "x" * 5000,
    "01a1' OR '1'='1",
    "\u202e01a1",
    "nul%00",
    "*",
]


async def end_the_only_one(hub: Sessions) -> None:
    (session,) = (await hub.said("GET", "/sessions?live=true"))["sessions"]
    await hub.said("DELETE", f"/sessions/{session['id']}")


async def close_the_hub(hub: Sessions) -> None:
    hub.hub.hub.closing.set()


async def test_a_token_of_less_than_everything_gets_nothing(sessions: Open) -> None:
    async with sessions() as hub:
        id = (await hub.begin())["id"]
        scopes = [scope for scope in Scope if scope is not Scope.ALL]
        token = hub.hub.hub.tokens.create(scopes)
        document = (await hub.hub.client.get("/openapi.json")).json()
        routes = [
            (method, path)
            for path, methods in document["paths"].items()
            for method in methods
            if path.startswith(("/api/v1/sessions", "/api/v1/machines", "/api/v1/terminals"))
        ]
        assert len(routes) > 20
        for method, path in [*routes, ("get", "/api/v1/hub/sessions")]:
            place = path.replace("{id}", id).replace("{tid}", f"terminal-{'0' * 16}")
            answer = await hub.hub.client.request(
                method,
                place.replace("{permission}", "permission-1"),
                json={},
                headers={"authorization": f"Bearer {token}"},
            )
            assert answer.status_code == 403, (method, path, answer.text)
            assert answer.json()["error"]["code"] == "scope_missing"


async def test_the_log_tells_nobody_else_of_sessions(sessions: Open) -> None:
    async with sessions(Step(say="Hidden words.")) as hub:
        token = hub.hub.hub.tokens.create([Scope.STATUS_READ])
        headers = {"authorization": f"Bearer {token}"}
        async with hub.hub.client.stream("GET", "/api/v1/events", headers=headers) as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            id = (await hub.begin(prompt="Go.", permission="allow"))["id"]
            await hub.until(id, "idle")
            await hub.said("DELETE", f"/sessions/{id}")
            seen = []
            async for line in lines:
                seen.append(line)
                if '"DELETE /api/v1/sessions/{id}"' in line:
                    break
        assert not [line for line in seen if "session_id" in line or "Hidden" in line]
        assert "event: session" not in seen


@pytest.mark.parametrize("id", HOSTILE)
async def test_an_id_that_is_none_is_not_found(sessions: Open, id: str) -> None:
    async with sessions() as hub:
        place = id if "%" in id else urllib.parse.quote(id, safe="")
        for method, path in (
            ("GET", f"/sessions/{place}"),
            ("DELETE", f"/sessions/{place}"),
            ("GET", f"/sessions/{place}/stream"),
            ("GET", f"/sessions/{place}/file?path={place}"),
            ("POST", f"/sessions/{place}/resume"),
            ("GET", f"/machines/{place}"),
            ("GET", f"/terminals/{place}/output"),
        ):
            answer = await hub.ask(method, path, {})
            assert answer.status_code in (404, 405, 422), (method, path, answer.text)
            assert set(answer.json()["error"]) == {"code", "message", "hint"}


async def test_a_variable_is_told_to_the_agent_alone(
    sessions: Open, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    steps = [Step(run='test "$TOLD" != "" && echo has it'), Step(say="Done.")]
    async with sessions(*steps) as hub:
        stream = hub.hub.client.stream("GET", "/api/v1/events")
        async with stream as told:
            lines = told.aiter_lines()
            await anext(lines)
            begun = await hub.begin(
                prompt="Go.", permission="allow", env={**hub.env, "TOLD": SECRET}
            )
            id = begun["id"]
            await hub.until(id, "idle")
            broken = {"agent": "codex", "env": {"TOLD": SECRET, "A=B": SECRET}}
            refused = await hub.ask("POST", "/sessions", broken)
            assert refused.status_code == 422
            fork = (await hub.said("POST", f"/sessions/{id}/fork", {}))["id"]
            answers = [refused.text]
            for path in (f"/sessions/{id}", f"/sessions/{id}/events", "/sessions", "/machines"):
                answers.append((await hub.ask("GET", path)).text)
            await hub.said("DELETE", f"/sessions/{fork}")
            ended = await hub.said("DELETE", f"/sessions/{id}")
            answers.append(json.dumps(ended))
            live = []
            async for line in lines:
                live.append(line)
                if line.startswith("data: ") and '"ended"' in line and id in line:
                    break
        assert "has it" in answers[2]
        said = capfd.readouterr()
        for text in (*answers, *live, said.out, said.err):
            assert SECRET not in text
    with sqlite3.connect(tmp_path / "agentos.db") as database:
        assert SECRET not in "\n".join(database.iterdump())


async def test_what_begins_has_an_end_to_its_number(
    sessions: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "MOST_LIVE", 1)
    async with sessions() as hub:
        id = (await hub.begin())["id"]
        answer = await hub.ask("POST", "/sessions", {"agent": "codex", "env": hub.env})
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_sessions")
        again = await hub.ask("POST", f"/sessions/{id}/resume", {})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "session_live")
        await hub.said("DELETE", f"/sessions/{id}")
        late = await hub.ask("POST", f"/sessions/{id}/prompts", {"text": "Go."})
        assert (late.status_code, late.json()["error"]["code"]) == (409, "session_not_live")
        await hub.begin()


async def test_an_agent_that_cannot_begin_leaves_nothing(sessions: Open) -> None:
    async with sessions() as hub:
        for body, status in (
            ({"agent": "codecs"}, 404),
            ({"agent": "codex", "env": {}}, 403),
            ({"agent": "codex", "profile": "nobody", "env": hub.env}, 422),
            ({"agent": "codex", "skills": ["/nothing-there"], "env": hub.env}, 422),
            ({"agent": "codex", "surprise": 1}, 422),
            ({"agent": "codex", "env": {"A": "\0"}}, 422),
        ):
            answer = await hub.ask("POST", "/sessions", body)
            assert answer.status_code == status, answer.text
        assert await hub.said("GET", "/machines") == {"machines": []}
        assert (await hub.said("GET", "/sessions?live=true"))["sessions"] == []


async def test_a_session_whose_first_prompt_is_refused_is_not_kept(
    sessions: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_QUEUED", 0)
    async with sessions() as hub:
        body = {"agent": "codex", "env": hub.env, "prompt": "Go."}
        answer = await hub.ask("POST", "/sessions", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_prompts")
        assert (await hub.said("GET", "/sessions?live=true"))["sessions"] == []
        assert await hub.said("GET", "/machines") == {"machines": []}


@pytest.mark.parametrize(
    ("end", "status", "code"),
    [(end_the_only_one, 409, "session_ended"), (close_the_hub, 503, "hub_closing")],
)
async def test_who_waits_for_what_ends_is_told(
    sessions: Open, end: Callable[[Sessions], Awaitable[None]], status: int, code: str
) -> None:
    async with sessions() as hub:
        asking = asyncio.create_task(
            hub.ask("POST", "/sessions", {"agent": "codex", "env": hub.env})
        )
        async with asyncio.timeout(30):
            while not (await hub.said("GET", "/sessions?live=true"))["sessions"]:
                await asyncio.sleep(0)
        await end(hub)
        answer = await asking
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_who_waits_for_a_machine_of_a_hub_that_ends_is_told() -> None:
    owner = MachineOwner(lambda: ())
    making = asyncio.create_task(owner.make(NewMachine()))
    await asyncio.sleep(0)
    await owner.end_all()
    with pytest.raises(Refused, match="about to end"):
        await making


async def test_a_client_that_does_not_wait_gets_no_session(sessions: Open) -> None:
    async with sessions() as hub:
        asking = asyncio.create_task(hub.begin())
        async with asyncio.timeout(30):
            while not (await hub.said("GET", "/sessions?live=true"))["sessions"]:
                await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait({asking})
        async with asyncio.timeout(30):
            while (await hub.said("GET", "/sessions?live=true"))["sessions"]:
                await asyncio.sleep(0)
        assert await hub.said("GET", "/machines") == {"machines": []}


def test_the_message_of_a_wrong_request_names_no_value() -> None:
    from pydantic import ValidationError

    from agentos.hub.sessions.models import NewSession

    with pytest.raises(ValidationError) as invalid:
        NewSession.model_validate({"env": {"A": SECRET, "B": [SECRET]}, "agent": ""})
    assert SECRET not in "".join(one["msg"] for one in invalid.value.errors())
    assert SECRET not in repr(NewSession.model_validate({"env": {"A": SECRET}}))
