"""Agents by name."""

from __future__ import annotations

import pytest

from agentos.agents import McpServer, get_agent
from agentos.errors import AgentNotFound, ConfigInvalid


def test_codex_is_known() -> None:
    assert get_agent("codex").software == ("codex",)
    assert get_agent("codex-acp").software == ("codex", "codex-acp", "node")


@pytest.mark.parametrize("name", ["codx", "Codex", "codes"])
def test_an_unknown_agent_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(AgentNotFound, match=r"did you mean 'codex'.* known agents: codex"):
        get_agent(name)


def test_a_name_like_none_gets_no_suggestion() -> None:
    with pytest.raises(AgentNotFound) as caught:
        get_agent("zzz")
    assert caught.value.hint == "known agents: codex, codex-acp, claude, opencode, gemini, pi"


@pytest.mark.parametrize("both", [{}, {"command": "x", "url": "http://a/"}])
def test_an_mcp_server_is_a_command_or_a_url(both: dict[str, str]) -> None:
    with pytest.raises(ConfigInvalid, match="command or a url"):
        McpServer(**both)  # type: ignore[arg-type]
