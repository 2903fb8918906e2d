"""Sessions in the hub from their beginning to their end, as clients see them."""

from __future__ import annotations

from tests.hub.sessions.conftest import Open

from agentos.models.rehearsal import Step


async def test_a_session_is_streamed_from_start_to_end(sessions: Open) -> None:
    steps = [Step(say="I look.", run="echo seen; exit 3"), Step(say="It failed.\nSo it is.")]
    async with sessions(*steps) as hub:
        begun = await hub.begin(prompt="Look around.\nPlease.", permission="allow")
        assert (begun["live"], begun["title"], begun["agent"]) == (True, "", "codex")
        events = await hub.events(begun["id"])
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert {event["session_id"] for event in events} == {begun["id"]}
        commands = [event["data"].get("command") for event in events]
        assert "echo seen; exit 3" in commands
        state = await hub.until(begun["id"], "idle")
        assert (state["title"], state["turns"]) == ("Look around.", 1)
        assert state["last_line"] == "So it is."
        assert state["usage"]["output"] > 0
        assert (state["permissions"], state["error"]) == ([], None)
        ended = await hub.said("DELETE", f"/sessions/{begun['id']}")
        assert (ended["state"], ended["live"]) == ("ended", False)
        assert ended["last_line"] == "So it is."
        again = await hub.said("GET", f"/sessions/{begun['id']}/events?limit=2000")
        assert [e["seq"] for e in again["events"]][: len(events)] == [e["seq"] for e in events]
        assert again["events"][: len(events)] == events
        assert await hub.said("GET", "/machines") == {"machines": []}
