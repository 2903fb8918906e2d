"""The rehearsal model: a built-in model provider that plays a script.

It speaks the Responses API well enough for the real, unmodified Codex, so the
whole product runs with no key and no network: in the demo, in tests, and when
trying out a machine.

```python
scenario = Scenario(
    steps=[
        Step(say="I will run the tests.", run="python3 -m unittest"),
        Step(when=When(exit_code=0), say="All tests pass."),
    ]
)
async with RehearsalModel(scenario) as model:
    session = await vm.create_session("codex", provider=model)
    await session.prompt("Run the tests")
assert "Run the tests" in model.turns[0].last_user_text
```
"""

from __future__ import annotations

from agentos.models.attribution import Kind
from agentos.models.rehearsal.matching import Mismatch
from agentos.models.rehearsal.request import ModelRequest, Outcome
from agentos.models.rehearsal.scenario import McpCall, Scenario, Step, Usage, When
from agentos.models.rehearsal.scenario_file import load_scenario, shipped_scenarios
from agentos.models.rehearsal.server import RehearsalModel

__all__ = [
    "Kind",
    "McpCall",
    "Mismatch",
    "ModelRequest",
    "Outcome",
    "RehearsalModel",
    "Scenario",
    "Step",
    "Usage",
    "When",
    "load_scenario",
    "shipped_scenarios",
]
