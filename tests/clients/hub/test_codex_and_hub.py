"""The real Codex at the hub: it lists the tools, reads the portfolio and commits."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.clients.hub.conftest import Codex, git, over_bridge, over_http
from tests.hub.bridge.conftest import Setup
from tests.hub.mcp.test_listing import NAMES

from agentos import RehearsalModel, Scenario, Step
from agentos.models.rehearsal import McpCall, When

WAYS = pytest.mark.parametrize("way", [over_http, over_bridge])


def _calls(tool: str, **arguments: object) -> McpCall:
    return McpCall(server="agentos", tool=tool, arguments=arguments)


@WAYS
async def test_lists_reads_and_commits(
    hub: Setup, codex: Codex, way: Callable[[Setup], str], tmp_path: Path
) -> None:
    repository = tmp_path / "repository"
    (repository / "made.txt").write_text("by Codex\n")
    where = str(repository)
    steps = [
        Step(call=_calls("read_portfolio_file", name="identity")),
        Step(
            when=When(output="Ada likes tea."),
            call=_calls("agentOS_git_commit", directory=where, message="Made by Codex"),
        ),
        Step(when=When(output="1 files"), say="done"),
    ]
    async with RehearsalModel(Scenario(steps=steps, model="some-model")) as model:
        told = await codex.exec(model, way(hub))
        body = model.turns[0].body
        assert body is not None
        offered = str(body["tools"])
    assert not model.mismatches
    for name in NAMES:
        assert f"'{name}'" in offered
    assert git(repository, "log", "-1", "--format=%s").strip() == "Made by Codex"
    assert git(repository, "show", "--stat", "--format=").startswith(" made.txt")
    calls = [event["item"] for event in told if event["type"] == "item.completed"]
    assert [call["status"] for call in calls if call["type"] == "mcp_tool_call"] == [
        "completed",
        "completed",
    ]
    assert '"client":"codex"' in hub.agentos("log", "--json", "--kind", "tool")


@WAYS
async def test_goes_on_with_a_hub_that_was_killed_and_started_between_two_calls(
    hub: Setup, codex: Codex, way: Callable[[Setup], str], tmp_path: Path
) -> None:
    assert hub.running is not None
    before, port = hub.running["pid"], hub.running["port"]
    kept = {name: v for name, v in hub.env.items() if name.startswith(("AGENTOS_", "PYTHONP"))}
    places = " ".join(f"{name}='{value}'" for name, value in kept.items())
    up = f"{places} {sys.executable} -m agentos up --port {port} >&2;"
    # The bridge starts the hub itself; over HTTP somebody else does, at the same port.
    again = f"kill -9 {before}; {'' if way is over_bridge else up} echo again"
    steps = [
        Step(call=_calls("read_portfolio_file", name="identity")),
        Step(when=When(output="Ada likes tea."), run=again),
        Step(
            when=When(exit_code=0, output="again"),
            call=_calls("agentOS_fs_write", path="notes.txt", content="kept\n"),
        ),
        Step(when=When(output="notes.txt"), say="done"),
    ]
    async with RehearsalModel(Scenario(steps=steps, model="some-model")) as model:
        await codex.exec(model, way(hub))
    assert not model.mismatches
    assert (tmp_path / "files" / "notes.txt").read_text() == "kept\n"
    assert hub.running is not None
    assert hub.running["pid"] != before
