"""Memories over REST: every client's side by side, the inbox, and what is promoted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.hub.conftest import Asking, Started
from tests.hub.conftest import asking as asking
from tests.memories.conftest import Write

from agentos.home.projects import Project
from agentos.hub.scopes import Scope
from agentos.hub.settings import HubSettings
from agentos.memories.reading import load_memories

KEY = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nv2Bx9Cd4Fg6Hj0SaTePu"  # made up
PATH = "/api/v1/memories"
RULE = (
    "Before every commit in this repository run the linter and then the tests, and write the"
    " message in the imperative mood with a short first line and a body that says why"
)
NEAR = RULE.replace("short", "brief")


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with notes of three clients."""
    place = tmp_path / "user"
    monkeypatch.setenv("HOME", str(place))
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    put(place / ".codex/memories/extensions/ad_hoc/notes/commits.md", RULE)
    put(place / ".claude/memory/tea.md", "Ada takes tea with milk.")
    put(place / ".cursor/rules/commits.mdc", f"---\ndescription: Commits\n---\n{NEAR}")
    return place


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


async def get(hub: Asking, place: str = "", **words: object) -> Any:
    answer = await hub.ask("GET", f"{PATH}{place}?{urlencode(words, doseq=True)}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def send(hub: Asking, place: str, version: str | None = None, **body: object) -> Any:
    headers = {} if version is None else {"if-match": f'"{version}"'}
    return await hub.ask("POST", f"{PATH}{place}", body=body, headers=headers)


async def find(hub: Asking, client: str) -> Any:
    [found] = (await get(hub, client=client))["memories"]
    return found


async def test_a_name_of_any_bytes_hides_nothing(asking: Started, user: Path) -> None:
    put(user / ".claude/memory/caf\udce9.md", "Ada takes coffee black.")
    async with asking() as hub:
        said = await get(hub)
        assert len(said["memories"]) == 4
        [found] = (await get(hub, q="coffee"))["memories"]
        assert found["path"].endswith("caf\udce9.md")
        assert (await get(hub, f"/{found['key']}"))["text"] == "Ada takes coffee black."


async def test_every_client_is_side_by_side(asking: Started, user: Path, write: Write) -> None:
    write("tone", "Briefly.")
    write("deploy", "By rsync.", project="site", type="project")
    projects = (Project("site", user / "site", ()),)
    put(user / "site/.cursor/rules/units.mdc", "Metres, not feet.")
    async with asking(HubSettings(projects=projects)) as hub:
        said = await get(hub)
        there = await get(hub, project="site")
        some = await get(hub, limit=4)
        rest = await get(hub, limit=4, after=some["next"])
    rows = {(each["client"], each["title"]): each for each in said["memories"]}
    assert list(rows) == [
        ("agentos", "About tone"),
        ("agentos", "About deploy"),
        ("claude", "tea"),
        ("codex", "commits"),
        ("cursor", "Commits"),
        ("cursor", "units"),
    ]
    assert said["clients"] == {"agentos": 2, "claude": 1, "codex": 1, "cursor": 2}
    assert said["projects"] == ["site"]
    assert {each["title"] for each in there["memories"]} == {"About deploy", "units"}
    assert [each["key"] for page in (some, rest) for each in page["memories"]] == [
        each["key"] for each in said["memories"]
    ]
    assert rows["codex", "commits"]["same"] == [rows["cursor", "Commits"]["key"]]
    assert rows["claude", "tea"]["same"] == []
    assert rows["agentos", "About deploy"]["name"] == "site/deploy"


async def test_two_copies_are_compared(asking: Started, user: Path, home: Path) -> None:
    put(user / ".claude/memory/commits.md", "Squash before you push.")
    async with asking() as hub:
        copies = (await get(hub, q="commits"))["memories"]
        keys = {each["client"]: each["key"] for each in copies}
        told = await get(hub, f"/{keys['codex']}")
        diff = (await get(hub, f"/{keys['codex']}/difference", to=keys["claude"]))["diff"]
    assert {each["client"] for each in told["copies"]} == {"claude", "cursor"}
    assert f"-{RULE}" in diff
    assert "+Squash before you push." in diff


async def test_a_search_shows_the_passage(asking: Started, user: Path) -> None:
    async with asking() as hub:
        [found] = (await get(hub, q='"with milk"'))["memories"]
        nothing = await get(hub, q="coffee")
        unfit = await hub.ask("GET", f"{PATH}?q=%22%22")
    assert (found["client"], found["found"]) == ("claude", "Ada takes tea with milk.")
    assert nothing["memories"] == []
    assert unfit.status_code == 400


async def test_what_a_client_wrote_is_promoted(asking: Started, user: Path, home: Path) -> None:
    async with asking() as hub:
        tea = await find(hub, "claude")
        made = await send(hub, f"/{tea['key']}/promote", tea["version"], type="user")
        assert made.status_code == 200, made.text
        again = await get(hub, client="claude")
        pulled = (await send(hub, "/inbox/pull")).json()
    [memory] = load_memories(home)
    assert (memory.name, memory.type, memory.text) == ("tea", "user", "Ada takes tea with milk.")
    assert made.json()["path"] == str(home / "clients/shared/memory/tea.md")
    assert len(again["memories"][0]["same"]) == 1
    assert (pulled["known"], pulled["new"]) == (1, 1)


async def test_promoting_takes_it_from_the_inbox(asking: Started, user: Path, home: Path) -> None:
    async with asking() as hub:
        await send(hub, "/inbox/pull")
        assert len((await get(hub, "/inbox"))["candidates"]) == 2
        for client in ("claude", "cursor"):
            seen = await find(hub, client)
            await send(hub, f"/{seen['key']}/promote", seen["version"])
        assert (await get(hub, "/inbox"))["candidates"] == []


async def test_a_projects_memory_comes_to_hold_everywhere(
    asking: Started, user: Path, home: Path, write: Write
) -> None:
    write("deploy", "By rsync.", project="site", type="project")
    async with asking() as hub:
        seen = await find(hub, "agentos")
        made = await send(hub, f"/{seen['key']}/promote", seen["version"])
        gone = await send(hub, f"/{seen['key']}/promote", seen["version"])
    assert made.json()["name"] == "deploy"
    assert [(each.name, each.project) for each in load_memories(home)] == [("deploy", None)]
    assert gone.status_code == 404


async def test_nobody_decides_on_what_they_did_not_read(
    asking: Started, user: Path, home: Path
) -> None:
    async with asking() as hub:
        seen = await find(hub, "claude")
        put(user / ".claude/memory/tea.md", "Ada takes coffee.")
        late = await send(hub, f"/{seen['key']}/promote", seen["version"])
        blind = await send(hub, f"/{seen['key']}/promote")
        await send(hub, "/inbox/pull")
        [first, *_] = (await get(hub, "/inbox"))["candidates"]
        unseen = await send(hub, f"/inbox/{first['id']}/accept", "0" * 32)
    assert (late.status_code, late.json()["error"]["code"]) == (409, "memory_changed")
    assert blind.status_code == 428
    assert unseen.status_code == 409
    assert load_memories(home) == ()


async def test_whoever_comes_second_is_told(
    asking: Started, user: Path, home: Path, write: Write
) -> None:
    write("tea", "She takes it black.")
    async with asking() as hub:
        seen = await find(hub, "claude")
        taken = await send(hub, f"/{seen['key']}/promote", seen["version"], name="tea")
        await send(hub, "/inbox/pull")
        [one] = [c for c in (await get(hub, "/inbox"))["candidates"] if "tea" in c["text"]]
        assert (await send(hub, f"/inbox/{one['id']}/reject", reason="no")).status_code == 200
        after = await send(hub, f"/inbox/{one['id']}/accept", one["version"])
        unknown = await send(hub, f"/inbox/{'0' * 12}/reject")
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "memory_exists")
    assert (after.status_code, after.json()["error"]["code"]) == (409, "candidate_closed")
    assert unknown.status_code == 404
    assert [each.text for each in load_memories(home)] == ["She takes it black."]


async def test_the_inbox_is_decided(asking: Started, user: Path, home: Path) -> None:
    async with asking() as hub:
        assert (await send(hub, "/inbox/pull")).json()["new"] == 2
        waiting = (await get(hub, "/inbox"))["candidates"]
        one, other = sorted(waiting, key=lambda each: len(each["clients"]))
        assert (one["clients"], other["clients"]) == (["claude"], ["codex", "cursor"])
        assert len(other["variants"]) == 1
        made = await send(
            hub, f"/inbox/{other['id']}/accept", other["version"], name="commits", type="feedback"
        )
        left = await send(hub, f"/inbox/{one['id']}/reject", reason="She changed her mind.")
        assert (made.status_code, left.status_code) == (200, 200)
        assert (await send(hub, "/inbox/pull")).json()["new"] == 0
        assert (await get(hub, "/inbox"))["candidates"] == []
    [memory] = load_memories(home)
    assert (memory.name, memory.type, memory.client) == ("commits", "feedback", "codex, cursor")


async def test_what_corrects_a_memory_is_shown_beside_it(
    asking: Started, user: Path, home: Path, write: Write
) -> None:
    write("commits", NEAR)
    async with asking() as hub:
        await send(hub, "/inbox/pull")
        [one] = [c for c in (await get(hub, "/inbox"))["candidates"] if c["like"]]
    assert one["like"] == "commits"
    assert f"-{NEAR}" in one["like_diff"]


async def test_secrets_hold_it_up(asking: Started, user: Path, home: Path) -> None:
    put(user / ".claude/memory/tea.md", f"The token is {KEY}.")
    async with asking() as hub:
        seen = await find(hub, "claude")
        held = await send(hub, f"/{seen['key']}/promote", seen["version"])
        assert (held.status_code, held.json()["error"]["code"]) == (400, "secrets_found")
        assert KEY not in held.text
        assert load_memories(home) == ()
        sure = await send(hub, f"/{seen['key']}/promote", seen["version"], despite_findings=True)
    assert sure.status_code == 200


async def test_a_home_that_cannot_be_read_hides_no_client(
    asking: Started, user: Path, home: Path
) -> None:
    put(home / "clients/shared/memory/broken.md", "no front matter")
    async with asking() as hub:
        said = await get(hub)
    assert {each["client"] for each in said["memories"]} == {"claude", "codex", "cursor"}
    assert "broken.md" in said["unreadable"][0]


async def test_what_did_not_change_is_not_sent_again(asking: Started, user: Path) -> None:
    async with asking() as hub:
        for place in ("", "/inbox"):
            tag = (await hub.ask("GET", f"{PATH}{place}")).headers["etag"]
            headers = {"if-none-match": tag}
            again = await hub.ask("GET", f"{PATH}{place}", headers=headers)
            assert (again.status_code, again.content) == (304, b"")


async def test_only_the_owner_sees_and_decides(asking: Started, user: Path) -> None:
    async with asking() as hub:
        rights = [right for right in Scope if right is not Scope.ALL]
        weak = hub.hub.tokens.create(frozenset(rights), name="weak")
        key, id = "0" * 16, "0" * 12
        for place in ("", "/inbox", f"/{key}", f"/{key}/difference?to={key}"):
            assert (await hub.ask("GET", f"{PATH}{place}", token=weak)).status_code == 403
        for place in ("/inbox/pull", f"/inbox/{id}/accept", f"/{key}/promote"):
            answer = await hub.ask("POST", f"{PATH}{place}", token=weak, body={})
            assert answer.status_code == 403


@pytest.mark.parametrize("place", ["/..%2f..%2fsecret", "/0", f"/{'g' * 16}"])
async def test_what_is_no_key_is_refused(asking: Started, user: Path, place: str) -> None:
    async with asking() as hub:
        answer = await hub.ask("GET", f"{PATH}{place}")
    assert answer.status_code in (404, 422)
    assert json.loads(answer.text)["error"]
