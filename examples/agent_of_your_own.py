"""Two agents of your own: a Python program that speaks ACP, and Codex with habits of your own."""

import asyncio
import sys
import sysconfig
from pathlib import Path

from agentos import Agent, AgentOs, Mount, RehearsalModel, Scenario, Step

AGENTS = Path(__file__).parent / "agents"

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"

# Its file goes into the machine's home; this Python and the SDK beside it are mounted there.
echo = Agent(
    "echo",
    home=AGENTS / "echo",
    command=[f"{{home}}/python/bin/{PYTHON}", "{home}/echo_agent.py"],
    env={"PYTHONPATH": "{home}/sdk"},
)
MOUNTS = [
    Mount.host(sys.base_prefix, "python"),
    Mount.host(sysconfig.get_path("purelib"), "sdk"),
]


async def main() -> None:
    async with AgentOs(mounts=MOUNTS) as vm, await vm.create_session(echo) as session:
        print("echo says:", (await session.prompt("echo $((6 * 7))")).text)

    scenario = Scenario(steps=[Step(run="cat ~/.codex/AGENTS.md"), Step(say="I shall.")])
    async with AgentOs() as vm, RehearsalModel(scenario) as model:
        codex = str(AGENTS / "careful-codex.toml")
        async with await vm.create_session(codex, provider=model) as session:
            print("Codex says:", (await session.prompt("Will you run the tests?")).text)
        print("its effort:", model.turns[0].body["reasoning"]["effort"])


asyncio.run(main())
