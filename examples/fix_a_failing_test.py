"""Codex repairs a project in a machine; you see the diff before your files change.

Run it as it is to see it with the rehearsal model, or on your own project with your own key:

    OPENAI_API_KEY=... python examples/fix_a_failing_test.py PROJECT "Fix the failing test"
"""

import asyncio
import os
import sys

from agentos import AgentOs, RehearsalModel
from agentos.machine.workspace import Workspace

HOME = "/home/agentos/project"


async def repair(vm: AgentOs, project: str, prompt: str, model: RehearsalModel | None) -> None:
    copy = Workspace(vm, project, HOME)
    await copy.copy_in()
    env = {} if model else {"OPENAI_API_KEY": os.environ["OPENAI_API_KEY"]}
    async with await vm.create_session("codex", cwd=HOME, env=env, provider=model) as session:
        result = await session.prompt(prompt)
    print(result.text)
    for change in await copy.changes():
        print(change.diff())


async def main() -> None:
    async with AgentOs() as vm:
        if len(sys.argv) == 3:
            await repair(vm, sys.argv[1], sys.argv[2], None)
            return
        async with RehearsalModel("fix-failing-test") as model:
            scenario = model.scenario
            assert scenario.project
            assert scenario.prompt
            await repair(vm, str(scenario.project), scenario.prompt, model)


asyncio.run(main())
