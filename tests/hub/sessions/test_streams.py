"""Following a session: nothing twice, nothing missing, whoever else follows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.hub.sessions.conftest import Open, Sessions

from agentos.models.rehearsal import Step

TALK = [Step(say="One two three four five.", run="seq 200"), Step(say="Six.")]


async def first(hub: Sessions, id: str, count: int, after: int | None = None) -> list[Any]:
    """The first events of a stream, which is then left."""
    found = []
    async for kind, data, seq in hub.stream(f"/sessions/{id}/stream", after):
        if kind == "event":
            assert seq == data["seq"]
            found.append(data)
            if len(found) == count:
                break
    return found


async def test_a_lost_connection_is_replayed_from_where_it_was(sessions: Open) -> None:
    async with sessions(*TALK) as hub:
        id = (await hub.begin(prompt="Go.", permission="allow"))["id"]
        some = await first(hub, id, 3)
        rest = await hub.events(id, after=some[-1]["seq"])
        whole = await hub.events(id)
        assert some + rest == whole
        assert [event["seq"] for event in whole] == list(range(1, len(whole) + 1))
        again = await first(hub, id, 2, after=whole[-3]["seq"])
        assert again == whole[-2:]


async def test_many_follow_one_session(sessions: Open) -> None:
    async with sessions(*TALK) as hub:
        id = (await hub.begin(permission="allow"))["id"]
        following = [asyncio.create_task(hub.events(id)) for _ in range(20)]
        await asyncio.sleep(0)
        await hub.said("POST", f"/sessions/{id}/prompts", {"text": "Go."})
        seen = await asyncio.gather(*following)
        assert all(events == seen[0] for events in seen)
        numbers = [event["seq"] for event in seen[0]]
        assert numbers == list(range(1, len(numbers) + 1))


async def test_a_stream_goes_over_the_end_into_what_is_resumed(sessions: Open) -> None:
    async with sessions(Step(say="One."), Step(say="Two.")) as hub:
        id = (await hub.begin(prompt="Go.", permission="allow"))["id"]
        await hub.until(id, "idle")
        seen: list[Any] = []
        states: list[str] = []

        async def follow() -> None:
            async for kind, data, _ in hub.stream(f"/sessions/{id}/stream"):
                if kind == "state":
                    states.append(data["state"])
                else:
                    seen.append(data)
                    if sum(event["type"] == "turn_ended" for event in seen) == 2:
                        return

        following = asyncio.create_task(follow())
        await hub.said("DELETE", f"/sessions/{id}")
        await hub.until(id, "ended")
        await hub.said("POST", f"/sessions/{id}/resume", {"env": hub.env})
        await hub.said("POST", f"/sessions/{id}/prompts", {"text": "On."})
        await following
        assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
        assert "ended" in states
        state = await hub.until(id, "idle")
        assert (state["turns"], state["title"]) == (2, "Go.")


async def test_a_transcript_is_read_by_pages_both_ways(sessions: Open) -> None:
    async with sessions(*TALK) as hub:
        id = (await hub.begin(prompt="Go.", permission="allow"))["id"]
        await hub.until(id, "idle")
        last = (await hub.said("GET", f"/sessions/{id}"))["last_seq"]
        forward: list[int] = []
        page = {"next": 0}
        while page["next"] is not None:
            page = await hub.said("GET", f"/sessions/{id}/events?after={page['next']}&limit=3")
            forward += [event["seq"] for event in page["events"]]
        assert forward == list(range(1, last + 1))
        backward: list[int] = []
        before: int | None = last + 1
        while before is not None:
            page = await hub.said("GET", f"/sessions/{id}/events?before={before}&limit=4")
            backward = [event["seq"] for event in page["events"]] + backward
            before = page["previous"]
        assert backward == forward
        both = await hub.ask("GET", f"/sessions/{id}/events?after=1&before=3")
        assert both.status_code == 422


async def test_the_list_has_what_lives_first_then_what_is_kept(sessions: Open) -> None:
    async with sessions() as hub:
        ids = [(await hub.begin())["id"] for _ in range(3)]
        for id in ids[:2]:
            await hub.said("DELETE", f"/sessions/{id}")
        page = await hub.said("GET", "/sessions?limit=2")
        assert [one["id"] for one in page["sessions"]] == [ids[2], ids[1]]
        page = await hub.said("GET", f"/sessions?limit=2&after={page['next']}")
        assert ([one["id"] for one in page["sessions"]], page["next"]) == ([ids[0]], None)
        live = await hub.said("GET", "/sessions?live=true")
        assert [one["id"] for one in live["sessions"]] == [ids[2]]
        kept = await hub.said("GET", "/sessions?live=false")
        assert [one["id"] for one in kept["sessions"]] == [ids[1], ids[0]]
        assert (await hub.ask("GET", "/sessions?after=nonsense")).status_code == 422


async def test_settings_that_cannot_be_read_hide_no_session(sessions: Open, tmp_path: Path) -> None:
    async with sessions() as hub:
        id = (await hub.begin())["id"]
        (tmp_path / "home").mkdir(exist_ok=True)
        (tmp_path / "home/agentos.toml").write_text("[usage\n")
        assert (await hub.said("DELETE", f"/sessions/{id}"))["state"] == "ended"
        [kept] = (await hub.said("GET", "/sessions"))["sessions"]
        assert (kept["id"], kept["cost"]) == (id, None)
