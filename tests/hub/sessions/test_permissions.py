"""What an agent asks is answered once, and obeyed."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.hub.sessions.conftest import Open, Sessions

from agentos.models.rehearsal import Step


async def asked(hub: Sessions) -> tuple[str, Any]:
    """Begin a session whose agent asks; return its id and the question."""
    begun = await hub.begin(prompt="Go.")
    return begun["id"], (await hub.until(begun["id"], "waiting"))["permissions"][0]


def path_of(id: str, permission: Any) -> str:
    return f"/sessions/{id}/permissions/{permission['id']}"


async def test_the_answer_is_obeyed(sessions: Open) -> None:
    for kind, exists in (("allow_once", True), ("reject_once", False)):
        async with sessions(Step(run="touch made"), Step(say="Well.")) as hub:
            id, permission = await asked(hub)
            assert (permission["kind"], permission["command"]) == ("execute", "touch made")
            option = next(one["id"] for one in permission["options"] if one["kind"] == kind)
            await hub.said("POST", path_of(id, permission), {"option": option})
            state = await hub.until(id, "idle")
            assert state["permissions"] == []
            files = await hub.said("GET", f"/sessions/{id}/files")
            assert ([one["name"] for one in files["entries"]] == ["made"]) is exists


async def test_of_two_that_answer_the_first_decides(sessions: Open) -> None:
    async with sessions(Step(run="touch made"), Step(say="Well.")) as hub:
        id, permission = await asked(hub)
        path = path_of(id, permission)
        answers = await asyncio.gather(
            *(hub.ask("POST", path, {"option": "allow_once"}) for _ in range(5))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
        late = next(answer for answer in answers if answer.status_code == 409)
        assert late.json()["error"]["code"] == "permission_resolved"
        events = await hub.events(id)
        assert sum(event["type"] == "permission_resolved" for event in events) == 1


async def test_what_is_no_answer_decides_nothing(sessions: Open) -> None:
    async with sessions(Step(run="touch made"), Step(say="Well.")) as hub:
        id, permission = await asked(hub)
        unknown = await hub.ask("POST", path_of(id, permission), {"option": "perhaps"})
        assert unknown.status_code == 422
        assert unknown.json()["error"]["code"] == "permission_option_unknown"
        nothing = await hub.ask("POST", f"/sessions/{id}/permissions/x", {"option": "allow_once"})
        assert nothing.status_code == 404
        assert (await hub.said("GET", f"/sessions/{id}"))["state"] == "waiting"


async def test_a_turn_that_is_cancelled_asks_no_more(sessions: Open) -> None:
    async with sessions(Step(run="touch made"), Step(say="Well.")) as hub:
        id, _ = await asked(hub)
        state = await hub.said("POST", f"/sessions/{id}/cancel", {})
        assert (state["state"], state["permissions"]) == ("idle", [])
        usage = await hub.said("GET", f"/sessions/{id}/usage")
        assert [turn["stop_reason"] for turn in usage["turns"]] == ["cancelled"]
