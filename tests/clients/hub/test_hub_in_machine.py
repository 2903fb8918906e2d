"""A session in a machine at the hub: its own token, the machine's files, no more than granted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.clients.hub.conftest import git

from agentos import AgentOs, ConfigInvalid, HubAccess, McpServer, RehearsalModel, Scenario, Step
from agentos.models.rehearsal import McpCall, When

#: Asks the hub with a token, and prints the status of the answer.
ASK = """\
import sys, urllib.error, urllib.request
body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
said = {"content-type": "application/json", "accept": "application/json"}
said |= {"authorization": "Bearer " + word for word in sys.argv[1:]}
try:
    asked = urllib.request.Request("http://hub.agentos.internal/mcp", body, said)
    print(urllib.request.urlopen(asked, timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError:
    print("nobody there")
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A registered repository on the host; the host has a root, too, and a portfolio."""
    repository, home, root = tmp_path / "repository", tmp_path / "home", tmp_path / "files"
    for place in (repository, home / "context-portfolio", root):
        place.mkdir(parents=True)
    (home / "context-portfolio" / "identity.md").write_text("# Identity\n\nAda likes tea.\n")
    (root / "host.txt").write_text("on the host\n")
    (home / "agentos.toml").write_text(
        f'[fs]\nroots = ["{root}"]\n[[repositories]]\npath = "{repository}"\n'
    )
    git(repository, "init", "-q", "-b", "work")
    git(repository, "config", "user.name", "Ada")
    git(repository, "config", "user.email", "ada@example.com")
    return repository


@pytest.fixture
async def vm(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AgentOs]:
    """A machine of somebody with that home."""
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AGENTOS_STATE_DIR", str(tmp_path / "state"))
    async with AgentOs() as machine:
        yield machine


def _call(tool: str, **arguments: object) -> McpCall:
    return McpCall(server="agentos", tool=tool, arguments=arguments)


def _played(*steps: Step) -> RehearsalModel:
    return RehearsalModel(Scenario(steps=list(steps), model="some-model"))


async def test_reads_the_portfolio_and_works_on_the_machines_files(
    vm: AgentOs, agent: str, tmp_path: Path
) -> None:
    steps = [
        Step(call=_call("read_portfolio_file", name="identity")),
        Step(
            when=When(output="Ada likes tea."),
            call=_call("agentOS_fs_write", path="made.txt", content="in the machine\n"),
        ),
        Step(when=When(output="made.txt"), run="cat made.txt"),
        Step(
            when=When(output="in the machine"),
            call=_call("agentOS_fs_read", path=str(tmp_path / "files" / "host.txt")),
        ),
        Step(when=When(output="path_outside_roots"), say="done"),
    ]
    async with _played(*steps) as model:
        session = await vm.create_session(agent, provider=model, hub=True)
        assert (await session.prompt("go")).text.endswith("done")
        await session.close()
    assert not model.mismatches
    assert await vm.read_text("made.txt") == "in the machine\n"
    assert not list((tmp_path / "files").glob("made*"))


async def test_the_host_is_reached_only_where_it_was_granted(
    vm: AgentOs, repository: Path, tmp_path: Path
) -> None:
    (repository / "a.txt").write_text("a\n")
    where = str(repository)
    scopes = ["fs:read", "git:read", "git:commit"]
    steps = [
        Step(call=_call("agentOS_fs_read", path="host.txt")),
        Step(
            when=When(output="on the host"),
            call=_call("agentOS_git_commit", directory=where, message="From a machine"),
        ),
        Step(when=When(output="1 files"), say="done"),
    ]
    async with _played(*steps) as model:
        hub = HubAccess(scopes, host_roots=True)
        async with await vm.create_session("codex", provider=model, hub=hub) as session:
            assert (await session.prompt("go")).text.endswith("done")
        body = model.turns[0].body
        assert body is not None
    assert not model.mismatches
    assert git(repository, "log", "-1", "--format=%s").strip() == "From a machine"
    assert "agentOS_git_commit" in str(body["tools"])
    for not_granted in ("agentOS_git_push", "agentOS_fs_write", "read_portfolio_file"):
        assert f"'{not_granted}'" not in str(body["tools"])


async def test_the_token_is_the_sessions_own_and_ends_with_it(vm: AgentOs) -> None:
    await vm.write_file("ask.py", ASK)
    async with _played(Step(say="ok")) as model:
        async with await vm.create_session("codex", provider=model, hub=["portfolio:read"]):
            assert (await vm.exec("python3 ask.py")).stdout == "401\n"
            assert (await vm.exec("python3 ask.py guessed")).stdout == "401\n"
        assert (await vm.exec("python3 ask.py")).stdout == "nobody there\n"


async def test_a_branch_of_the_session_has_the_hub_for_its_own_machine(vm: AgentOs) -> None:
    write = _call("agentOS_fs_write", path="made.txt", content="in the branch\n")
    steps = [
        Step(say="begun"),
        Step(call=write),
        Step(when=When(output="made.txt"), say="done"),
    ]
    async with _played(*steps) as model:
        session = await vm.create_session("codex", provider=model, hub=True)
        await session.prompt("begin")
        branch = await session.fork()
        await branch.prompt("begin, too")
        assert (await branch.prompt("go")).text.endswith("done")
        assert await branch.machine.read_text("made.txt") == "in the branch\n"
        assert not await vm.exists("made.txt")
        await branch.close()
        await session.close()
    assert not model.mismatches


async def test_what_it_did_is_in_the_log(vm: AgentOs) -> None:
    from agentos.hub.telemetry import log
    from agentos.store import Store

    steps = [Step(call=_call("list_portfolio_files")), Step(say="done")]
    async with _played(*steps) as model:
        session = await vm.create_session("codex", provider=model, hub=True)
        await session.prompt("go")
        await session.close()
    store = await Store.open()
    try:
        [called] = (await log.page(store, log.Filters(kind="tool"))).records[:1]
    finally:
        await store.close()
    assert called.name == "list_portfolio_files"
    assert called.client == "codex"
    assert called.principal == f"session in {vm.name}"


async def test_scopes_and_names_are_checked_before_anything_starts(vm: AgentOs) -> None:
    with pytest.raises(ConfigInvalid, match="fs:fly"):
        await vm.create_session("codex", hub=["fs:fly"])
    async with _played(Step(say="ok")) as model:
        taken = {"agentos": McpServer(command="true")}
        with pytest.raises(ConfigInvalid, match="name"):
            await vm.create_session("codex", provider=model, hub=True, mcp_servers=taken)


def test_neither_the_sdk_nor_the_server_is_imported_for_the_name() -> None:
    program = (
        "import sys; from agentos import HubAccess; HubAccess(); "
        "print([m for m in ('mcp', 'fastapi') if m in sys.modules])"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stdout == b"[]\n"
