"""What a session does to files: the difference, bringing it back, branches."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.hub.sessions.conftest import Open, Sessions

from agentos.models.rehearsal import Step

PATCH = """*** Begin Patch
*** Update File: a.txt
@@
-one
+two
*** Add File: new/b.txt
+hello
*** Delete File: c.txt
*** End Patch
"""
STEPS = [Step(patch=PATCH), Step(say="Done.")]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    place = tmp_path / "workspace"
    place.mkdir()
    (place / "a.txt").write_text("one\n")
    (place / "c.txt").write_text("gone\n")
    return place


async def worked(hub: Sessions, workspace: Path) -> str:
    begun = await hub.begin(prompt="Go.", permission="allow", workspace=str(workspace))
    await hub.until(begun["id"], "idle")
    id: str = begun["id"]
    return id


async def test_the_difference_is_told_and_brought_back(sessions: Open, workspace: Path) -> None:
    async with sessions(*STEPS) as hub:
        id = await worked(hub, workspace)
        diff = await hub.said("GET", f"/sessions/{id}/diff")
        assert diff["changes"] == [
            {"path": "a.txt", "change": "changed", "added": 1, "removed": 1},
            {"path": "c.txt", "change": "deleted", "added": 0, "removed": 1},
            {"path": "new/b.txt", "change": "added", "added": 1, "removed": 0},
        ]
        assert "-one\n+two\n" in diff["patch"]
        assert diff["truncated"] is False
        short = await hub.said("GET", f"/sessions/{id}/diff?most=20")
        assert (len(short["patch"]), short["truncated"]) == (20, True)
        assert len(short["changes"]) == 3
        assert (workspace / "a.txt").read_text() == "one\n"
        applied = await hub.said("POST", f"/sessions/{id}/apply", {})
        assert applied == {"written": ["a.txt", "c.txt", "new/b.txt"], "conflicts": []}
        assert (workspace / "a.txt").read_text() == "two\n"
        assert (workspace / "new" / "b.txt").read_text() == "hello\n"
        assert not (workspace / "c.txt").exists()


async def test_what_is_brought_back_may_change_again(sessions: Open, workspace: Path) -> None:
    again = PATCH.replace("-one\n+two", "-two\n+three").partition("*** Add")[0] + "*** End Patch\n"
    async with sessions(*STEPS, Step(patch=again), Step(say="Done.")) as hub:
        id = await worked(hub, workspace)
        await hub.said("POST", f"/sessions/{id}/apply", {})
        assert (await hub.said("GET", f"/sessions/{id}/diff"))["changes"] == []
        await hub.said("POST", f"/sessions/{id}/prompts", {"text": "Go on."})
        await hub.until(id, "idle")
        diff = await hub.said("GET", f"/sessions/{id}/diff")
        assert [one["path"] for one in diff["changes"]] == ["a.txt"]
        applied = await hub.said("POST", f"/sessions/{id}/apply", {})
        assert applied == {"written": ["a.txt"], "conflicts": []}
        assert (workspace / "a.txt").read_text() == "three\n"
        (workspace / "a.txt").write_text("mine\n")
        assert (await hub.said("POST", f"/sessions/{id}/apply", {}))["written"] == []
        assert (workspace / "a.txt").read_text() == "mine\n"


async def test_a_conflict_leaves_the_host_as_it_is(sessions: Open, workspace: Path) -> None:
    async with sessions(*STEPS) as hub:
        id = await worked(hub, workspace)
        (workspace / "a.txt").write_text("three\n")
        applied = await hub.said("POST", f"/sessions/{id}/apply", {})
        assert applied == {"written": [], "conflicts": ["a.txt"]}
        assert (workspace / "a.txt").read_text() == "three\n"
        assert not (workspace / "new").exists()


async def test_two_who_bring_it_back_at_once_do_it_once(sessions: Open, workspace: Path) -> None:
    async with sessions(*STEPS) as hub:
        id = await worked(hub, workspace)
        path = f"/sessions/{id}/apply"
        both = await asyncio.gather(*(hub.said("POST", path, {}) for _ in range(4)))
        assert [one["conflicts"] for one in both] == [[]] * 4
        assert sorted(len(one["written"]) for one in both) == [0, 0, 0, 3]
        assert not (workspace / "c.txt").exists()


async def test_without_a_directory_there_is_nothing_to_bring_back(sessions: Open) -> None:
    async with sessions(Step(run="echo hi > made"), Step(say="Done.")) as hub:
        begun = await hub.begin(prompt="Go.", permission="allow")
        await hub.until(begun["id"], "idle")
        diff = await hub.said("GET", f"/sessions/{begun['id']}/diff")
        assert [(one["path"], one["change"]) for one in diff["changes"]] == [("made", "added")]
        refused = await hub.ask("POST", f"/sessions/{begun['id']}/apply", {})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "no_workspace")


async def test_files_are_looked_at(sessions: Open, workspace: Path) -> None:
    (workspace / "binary").write_bytes(b"\0\1\2")
    (workspace / "latin").write_bytes(b"\xe9t\xe9")
    (workspace / "long").write_text("é" * 600_000)
    (workspace / "deep").mkdir()
    (workspace / "deep" / "link").symlink_to("/etc/shadow")
    async with sessions() as hub:
        id = (await hub.begin(workspace=str(workspace)))["id"]

        async def file(path: str) -> Any:
            return await hub.said("GET", f"/sessions/{id}/file?path={path}")

        listing = await hub.said("GET", f"/sessions/{id}/files?path=workspace")
        named = [(one["name"], one["type"]) for one in listing["entries"]]
        assert named[:2] == [("deep", "directory"), ("a.txt", "file")]
        links = await hub.said("GET", f"/sessions/{id}/files?path=workspace/deep")
        assert [one["type"] for one in links["entries"]] == ["link"]
        assert (await file("workspace/a.txt"))["text"] == "one\n"
        assert (await file("workspace/binary"))["text"] is None
        assert (await file("workspace/latin"))["text"] is None
        long = await file("workspace/long")
        assert (long["truncated"], long["size"], set(long["text"])) == (True, 1_200_000, {"é"})
        for path, status in (
            ("workspace/nothing", 404),
            ("workspace", 422),
            ("workspace/deep/link", 404),
            ("/proc/1/environ", 422),
            ("a%00b", 422),
        ):
            answer = await hub.ask("GET", f"/sessions/{id}/file?path={path}")
            assert answer.status_code == status, (path, answer.text)


async def test_a_fork_goes_its_own_way(sessions: Open, workspace: Path) -> None:
    async with sessions(*STEPS) as hub:
        id = await worked(hub, workspace)
        fork = await hub.said("POST", f"/sessions/{id}/fork", {})
        assert (fork["state"], fork["live"], fork["title"]) == ("idle", True, "Go.")
        assert fork["id"] != id
        machines = (await hub.said("GET", "/machines"))["machines"]
        assert {one["session"] for one in machines} == {id, fork["id"]}
        assert len({one["id"] for one in machines}) == 2
        ran = {"command": "echo more >> workspace/a.txt"}
        await hub.said("POST", f"/machines/{fork['machine']}/exec", ran)

        async def text(session: str) -> Any:
            path = f"/sessions/{session}/file?path=workspace/a.txt"
            return (await hub.said("GET", path))["text"]

        assert (await text(id), await text(fork["id"])) == ("two\n", "two\nmore\n")
        await hub.said("DELETE", f"/sessions/{id}")
        diff = await hub.said("GET", f"/sessions/{fork['id']}/diff")
        assert [one["path"] for one in diff["changes"]] == ["a.txt", "c.txt", "new/b.txt"]


async def test_a_directory_that_cannot_be_copied_begins_nothing(
    sessions: Open, tmp_path: Path
) -> None:
    async with sessions() as hub:
        for place in (tmp_path / "nothing", Path("/")):
            body = {"agent": "codex", "env": hub.env, "workspace": str(place)}
            answer = await hub.ask("POST", "/sessions", body)
            assert answer.status_code == 422
            assert answer.json()["error"]["code"] == "workspace_unreadable"
        assert await hub.said("GET", "/machines") == {"machines": []}
        assert (await hub.said("GET", "/sessions"))["sessions"] == []
