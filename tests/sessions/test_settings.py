"""What a session is asked for, by its makers' keywords."""

from __future__ import annotations

from typing import Any

import pytest

from agentos.errors import ConfigInvalid
from agentos.sessions.create import create_session, resume_session
from agentos.sessions.settings import requested
from agentos.testing.host_machine import HostMachine
from agentos.testing.scripted_agent import ScriptedAgent


async def test_a_wrong_keyword_is_refused(machine: HostMachine) -> None:
    wrong: Any = {"modle": "gpt-5.5"}
    with pytest.raises(TypeError, match="'modle'"):
        await create_session(machine, ScriptedAgent([]), **wrong)
    with pytest.raises(TypeError, match="'modle'"):
        await resume_session(machine, "some id", **wrong)
    stays: Any = {"instructions": "Be brief."}
    with pytest.raises(TypeError, match="'instructions'"):
        await resume_session(machine, "some id", **stays)


def test_what_is_not_said_has_its_default() -> None:
    request = requested({})
    assert (request.permission, request.agent.asks, request.tools) == ("allow", False, ())
    assert request.agent.guidance.is_empty
    assert requested({"permission": "ask"}).agent.asks


def test_a_time_that_cannot_be() -> None:
    with pytest.raises(ConfigInvalid, match="idle_timeout"):
        requested({"idle_timeout": 0.0})
