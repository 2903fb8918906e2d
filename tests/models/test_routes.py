"""Where a call goes."""

from __future__ import annotations

import pytest

from agentos.models.attribution import Kind
from agentos.models.routes import Routes, Target

ROUTES = Routes(["openai", "openrouter", "local"], aliases={"fast": "local/tiny"})


@pytest.mark.parametrize(
    ("home", "asked", "kind", "goes_to"),
    [
        ("openai/gpt-5.5", "gpt-5.5", Kind.TURN, "openai/gpt-5.5"),
        ("openai/gpt-5.5", "gpt-5.6-luna", Kind.TITLE, "openai/gpt-5.6-luna"),
        ("openai", "gpt-5.5", Kind.TURN, "openai/gpt-5.5"),
        ("openai", "fast", Kind.TURN, "local/tiny"),
        # OpenRouter's own models have names that look like routes.
        ("openrouter/openai/gpt-5.5", "openai/gpt-5.5", Kind.TURN, "openrouter/openai/gpt-5.5"),
        ("openrouter/qwen/q", "openai/gpt-5.5", Kind.TURN, "openrouter/openai/gpt-5.5"),
        # Nobody else has the small models of OpenAI that an agent asks for on its own.
        ("local/llama", "gpt-5.6-luna", Kind.TITLE, "local/llama"),
        ("local/llama", "gpt-5.6-luna", Kind.TURN, "local/gpt-5.6-luna"),
        # An agent does not choose what runs on the host.
        ("rehearsal/fix-failing-test", "/tmp/evil.py", Kind.TURN, "rehearsal/fix-failing-test"),
        ("openai", "rehearsal//tmp/evil.py", Kind.TURN, "openai/rehearsal//tmp/evil.py"),
    ],
)
def test_an_agent_reaches_its_provider_and_the_aliases(
    home: str, asked: str, kind: Kind, goes_to: str
) -> None:
    (target,) = ROUTES.targets(asked, ROUTES.find(home), kind)
    assert str(target) == goes_to


def test_a_route_may_be_an_alias() -> None:
    assert ROUTES.find("fast") == Target("local", "tiny")
    assert ROUTES.knows("openai/anything")
    assert not ROUTES.knows("gpt-5.5")
