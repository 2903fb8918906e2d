"""The real ACP adapter in front of Codex: what it and Codex ask behind the user's back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import acp
from acp.schema import SessionInfoUpdate

from agentos.models.rehearsal import Kind, RehearsalModel, Scenario, Step

if TYPE_CHECKING:
    from tests.models.conftest import Codex, Installed


class Editor(acp.Client):
    """A client that notes the session's title."""

    def __init__(self) -> None:
        self.title: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def session_update(self, session_id: str, update: Any, **kwargs: Any) -> None:
        # The adapter first names a session after its prompt, and later by the title it got.
        named = isinstance(update, SessionInfoUpdate) and update.title == "Pouring tea"
        if named and not self.title.done():
            self.title.set_result("Pouring tea")


@asynccontextmanager
async def connected(
    codex: Codex, model: RehearsalModel, mode: str, find: Installed
) -> AsyncIterator[tuple[acp.ClientSideConnection, str, Editor]]:
    node = find("node", "node/24.19.0/bin/node", "AGENTOS_TEST_NODE")
    script = find("codex-acp", "codex-acp/2.6.0/dist/index.js", "AGENTOS_TEST_CODEX_ACP")
    codex.configure(model)
    env = codex.env(model) | {
        "CODEX_PATH": str(codex.binary),
        "INITIAL_AGENT_MODE": mode,
        "NO_BROWSER": "1",
    }
    editor = Editor()  # type: ignore[abstract]
    start = acp.spawn_agent_process(
        editor,
        str(node),
        str(script),
        env=env,
        cwd=codex.workspace,
        transport_kwargs={"stderr": None, "limit": 50 * 2**20},
    )
    async with start as (connection, _):
        await connection.initialize(protocol_version=acp.PROTOCOL_VERSION)
        session = await connection.new_session(cwd=str(codex.workspace), mcp_servers=[])
        yield connection, session.session_id, editor


async def test_a_title_is_answered_without_disturbing_the_scenario(
    codex: Codex, installed: Installed
) -> None:
    steps = [Step(run="echo tea"), Step(say="Poured."), Step(say="And again.")]
    async with (
        RehearsalModel(Scenario(steps, title="Pouring tea")) as model,
        connected(codex, model, "agent-full-access", installed) as (connection, session, editor),
        asyncio.timeout(60),
    ):
        await connection.prompt(session_id=session, prompt=[acp.text_block("Pour tea")])
        assert await editor.title == "Pouring tea"
        await connection.prompt(session_id=session, prompt=[acp.text_block("/compact")])
        await connection.prompt(session_id=session, prompt=[acp.text_block("Once more")])
    assert model.mismatches == []
    kinds = Counter(request.kind for request in model.requests)
    assert kinds == {Kind.TURN: 3, Kind.TITLE: 1, Kind.COMPACTION: 1}
    assert "Pour tea" in next(r for r in model.requests if r.kind is Kind.TITLE).last_user_text
    assert "is being played" in model.turns[-1].input_text


async def test_an_automatic_review_allows_what_it_is_asked(
    codex: Codex, installed: Installed
) -> None:
    outside = "*** Begin Patch\n*** Add File: ../outside.txt\n+tea\n*** End Patch\n"
    steps = [Step(patch=outside), Step(say="Written.")]
    async with (
        RehearsalModel(Scenario(steps)) as model,
        connected(codex, model, "agent", installed) as (connection, session, _),
        asyncio.timeout(60),
    ):
        await connection.prompt(session_id=session, prompt=[acp.text_block("Write a file")])
    assert model.mismatches == []
    assert Kind.GUARDIAN in {request.kind for request in model.requests}
    assert (codex.home / "outside.txt").read_text() == "tea\n"
