"""The tools do what they say, and say what went wrong."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mcp_types import CallToolResult
from tests.hub.mcp.conftest import ERAS, IDENTITY, Era, ListeningHub, StartHub, text_of

from agentos.home.projects import Project
from agentos.hub.settings import Action, HubSettings, Repository

KEY = "AKIA" + "Q3EGRVN5XPLZT7WA"  # of nobody


def _git(directory: Path, *words: str) -> str:
    command = ["git", "-C", str(directory), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of Ada's with one commit."""
    place = tmp_path / "repository"
    place.mkdir()
    _git(place, "init", "-q", "-b", "work")
    _git(place, "config", "user.name", "Ada")
    _git(place, "config", "user.email", "ada@example.com")
    _git(place, "commit", "-q", "--allow-empty", "-m", "begin")
    return place


@pytest.fixture
async def equipped(
    tmp_path: Path, repository: Path, start_hub: StartHub
) -> AsyncIterator[ListeningHub]:
    """A hub with a root, a repository, actions and a project."""
    root = tmp_path / "files"
    root.mkdir()
    settings = HubSettings(
        fs_roots=(root,),
        repositories=(Repository(repository),),
        actions=(
            Action("compile", root, ("sh", "-c", "echo one; echo two; touch made.js"), 60, "*.js"),
            Action("package", root, ("false",)),
            Action("install", root, ()),
        ),
        projects=(Project("tea", root, ("identity",)),),
    )
    async with start_hub(settings) as started:
        yield started


async def _call(hub: ListeningHub, name: str, /, **arguments: object) -> CallToolResult:
    async with hub.client() as client:
        return await client.call_tool(name, arguments)


def _structured(result: CallToolResult) -> dict[str, object]:
    assert not result.is_error, text_of(result)
    assert isinstance(result.structured_content, dict)
    return result.structured_content


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("name", ["identity", "identity.md", "portfolio://identity"])
async def test_reads_the_page_that_is_on_disk_now(hub: ListeningHub, era: Era, name: str) -> None:
    async with hub.client(era) as client:
        first = await client.call_tool("read_portfolio_file", {"name": name})
        (hub.pages / "identity.md").write_text("# Identity\n\nBob now.\n")
        second = await client.call_tool("read_portfolio_file", {"name": name})
    assert text_of(first) == IDENTITY
    assert _structured(first)["text"] == IDENTITY
    assert "Bob now." in text_of(second)


async def test_lists_pages_with_what_they_say_of_themselves(hub: ListeningHub) -> None:
    (hub.pages / "goals.md").write_text("no head\n")
    files = _structured(await _call(hub, "list_portfolio_files"))["files"]
    assert isinstance(files, list)
    by_name = {file["name"]: file for file in files}
    assert by_name["identity"]["title"] == "Identity"
    assert by_name["identity"]["updated"] == "2026-11-01"
    assert by_name["identity"]["stability"] == "stable"
    assert by_name["identity"]["size"] == len(IDENTITY)
    assert "updated" not in by_name["goals"]


async def test_searches_pages(hub: ListeningHub) -> None:
    hits = _structured(await _call(hub, "search_portfolio", query="tea"))["hits"]
    assert isinstance(hits, list)
    assert [(hit["name"], hit["line"]) for hit in hits] == [("identity", 8)]


async def test_a_proposal_waits_and_changes_nothing(hub: ListeningHub) -> None:
    said = {"name": "identity", "text": "# Identity\n\nCoffee.\n", "reason": "she said so"}
    proposed = _structured(await _call(hub, "propose_portfolio_change", **said))
    assert proposed["id"]
    assert (hub.pages / "identity.md").read_text() == IDENTITY


async def test_the_active_project_decides_what_is_seen(equipped: ListeningHub) -> None:
    from agentos.home.projects import ActiveProjects

    (equipped.pages / "secret.md").write_text("# Secret\n\nTea, too.\n")
    hub = equipped.hub
    ActiveProjects(hub.settings.projects, hub.state).use("tea")
    async with equipped.client() as client:
        listed = _structured(await client.call_tool("list_portfolio_files", {}))["files"]
        refused = await client.call_tool("read_portfolio_file", {"name": "secret"})
        resources = (await client.list_resources()).resources
    assert isinstance(listed, list)
    assert [file["name"] for file in listed] == ["identity"]
    assert refused.is_error
    assert [resource.name for resource in resources] == ["identity"]


async def test_commits_and_holds_back_a_secret(equipped: ListeningHub, repository: Path) -> None:
    (repository / "plain.txt").write_text("hello\n")
    (repository / "keys.txt").write_text(f"aws_access_key_id = {KEY}\n")
    where = {"directory": str(repository)}
    status = _structured(await _call(equipped, "agentOS_git_status", **where))
    assert status["branch"] == "work"
    assert status["clean"] is False
    made = _structured(await _call(equipped, "agentOS_git_commit", message="Say hello", **where))
    held = made["held_back"]
    assert isinstance(held, list)
    assert [file["path"] for file in held] == ["keys.txt"]
    assert KEY not in json.dumps(made)
    shown = _git(repository, "show", "--stat", "--format=%s")
    assert "Say hello" in shown
    assert "plain.txt" in shown
    assert "keys.txt" not in shown


async def test_git_goes_nowhere_else(equipped: ListeningHub, tmp_path: Path) -> None:
    refused = await _call(equipped, "agentOS_git_status", directory=str(tmp_path / "files"))
    assert refused.is_error
    assert json.loads(text_of(refused))["error"] == "repository_not_registered"


async def test_pushes_to_a_remote_and_never_a_protected_branch(
    equipped: ListeningHub, repository: Path, tmp_path: Path
) -> None:
    remote = tmp_path / "remote.git"
    _git(tmp_path, "init", "-q", "--bare", str(remote))
    _git(repository, "remote", "add", "origin", str(remote))
    where = {"directory": str(repository)}
    pushed = _structured(await _call(equipped, "agentOS_git_push", **where))
    assert pushed["state"] == "pushed"
    _git(repository, "checkout", "-q", "-b", "main")
    refused = await _call(equipped, "agentOS_git_push", **where)
    assert refused.is_error


async def test_files_within_the_roots(equipped: ListeningHub, tmp_path: Path) -> None:
    async with equipped.client() as client:

        async def call(name: str, **arguments: object) -> CallToolResult:
            return await client.call_tool(f"agentOS_fs_{name}", arguments)

        written = _structured(await call("write", path="notes.txt", content="one\ntwo\n"))
        again = await call("write", path="notes.txt", content="x", expected_sha256="0" * 64)
        replaced = _structured(await call("replace", path="notes.txt", old="two", new="three"))
        twice = await call("replace", path="notes.txt", old="e", new="x")
        read = _structured(await call("read", path="notes.txt", start_line=2))
        found = _structured(await call("search", pattern="thr.e"))
        listed = _structured(await call("list"))
        outside = await call("read", path="../home/context-portfolio/identity.md")
    assert written["created"] is True
    assert again.is_error
    assert replaced["sha256"] != written["sha256"]
    assert twice.is_error
    assert read["text"] == "three\n"
    assert found["matches"] == 1
    assert "notes.txt" in json.dumps(listed)
    assert json.loads(text_of(outside))["error"] == "path_outside_roots"
    assert (tmp_path / "files" / "notes.txt").read_text() == "one\nthree\n"


async def test_names_and_contents_that_are_no_text_reach_the_client(
    equipped: ListeningHub, tmp_path: Path
) -> None:
    (tmp_path / "files" / "half\udcff.txt").write_bytes(b"caf\xe9 \x00\xff")
    (tmp_path / "files" / "bytes.bin").write_bytes(b"\x00\xff")
    listed = _structured(await _call(equipped, "agentOS_fs_list"))
    assert "bytes.bin" in json.dumps(listed)
    read = _structured(await _call(equipped, "agentOS_fs_read", path="bytes.bin"))
    assert read["base64"] == "AP8="
    assert "text" not in read


async def test_a_failed_action_is_a_result_that_says_so(equipped: ListeningHub) -> None:
    made = _structured(await _call(equipped, "agentOS_ext_compile"))
    assert made["ok"] is True
    assert str(made["artefact"]).endswith("made.js")
    failed = _structured(await _call(equipped, "agentOS_ext_package"))
    assert failed["ok"] is False
    nothing = await _call(equipped, "agentOS_ext_install")
    assert json.loads(text_of(nothing))["error"] == "action_no_package"


async def test_without_roots_the_error_says_what_to_set(hub: ListeningHub) -> None:
    refused = await _call(hub, "agentOS_fs_list")
    assert refused.is_error
    said = json.loads(text_of(refused))
    assert said["error"] == "no_roots"
    assert "AGENTOS_FS_ROOTS" in said["hint"]


async def test_wrong_arguments_name_the_argument(hub: ListeningHub) -> None:
    refused = await _call(hub, "search_portfolio", query="tea", limit="many")
    said = json.loads(text_of(refused))
    assert said["error"] == "invalid_arguments"
    assert said["message"].startswith("limit:")


async def test_an_unknown_tool_is_an_error_of_the_call(hub: ListeningHub) -> None:
    refused = await _call(hub, "agentOS_fs_format_disk")
    assert json.loads(text_of(refused))["error"] == "unknown_tool"


@pytest.mark.parametrize("era", ERAS)
async def test_every_call_is_recorded_with_its_client(hub: ListeningHub, era: Era) -> None:
    telemetry = hub.hub.telemetry
    async with hub.client(era) as client:
        await client.call_tool("read_portfolio_file", {"name": "nobody"})
        said = {"command": "/ship", "arguments": {"password": "hunter2hunter2"}}
        await client.call_tool("agentOS_log_command", said)
    events = {(event.kind, event.name): event for event in telemetry.recent()}
    read = events["tool", "read_portfolio_file"]
    assert (read.client, read.principal, read.outcome) == (
        "codex",
        "user",
        "portfolio_file_unknown",
    )
    assert read.duration_ms > 0
    assert json.loads(read.arguments or "") == {"name": "nobody"}
    shipped = events["command", "/ship"]
    assert shipped.client == "codex"
    assert "hunter2" not in str(shipped.arguments)


async def test_resources_are_the_pages(hub: ListeningHub) -> None:
    async with hub.client() as client:
        [listed] = (await client.list_resources()).resources
        [read] = (await client.read_resource("portfolio://identity")).contents
        with pytest.raises(Exception, match="nobody"):
            await client.read_resource("portfolio://nobody")
    assert (str(listed.uri), listed.title, listed.mime_type) == (
        "portfolio://identity",
        "Identity",
        "text/markdown",
    )
    assert read.model_dump()["text"] == IDENTITY
