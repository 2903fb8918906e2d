"""The real Codex through the model gateway: the provider's key stays on the host."""

from __future__ import annotations

from agentos import AgentOs, RehearsalModel, Scenario, Step
from agentos.models.gateway import ModelGateway
from agentos.models.providers import Provider


async def test_codex_works_through_the_gateway(vm: AgentOs) -> None:
    steps = [Step(run="echo by-shell > made.txt"), Step(say="All done.")]
    async with RehearsalModel(Scenario(steps=steps)) as model:
        upstream = Provider("played", model.base_url, model.api_key)
        async with ModelGateway([upstream]) as gateway:
            session = await vm.create_session("codex", provider=gateway, model="played/gpt-5.5")
            async with session:
                result = await session.prompt("make a file")
                assert result.text.endswith("All done.")
        assert await vm.read_text("made.txt") == "by-shell\n"
        print(c)
    assert not model.mismatches
