"""Run a script that you do not trust: no network, none of your files, a time limit."""

import asyncio

from agentos import AgentOs, ExecTimeout, LimitExceeded

SCRIPT = """
import pathlib, socket
print("home:", sorted(p.name for p in pathlib.Path.home().iterdir()))
try:
    socket.create_connection(("example.com", 443), timeout=2)
except OSError as error:
    print("network:", type(error).__name__)
pathlib.Path("result.txt").write_text("42")
"""


async def main() -> None:
    async with AgentOs() as vm:
        await vm.write_file("script.py", SCRIPT)
        try:
            ran = await vm.exec(["python3", "script.py"], timeout=30, max_output=100_000)
        except (ExecTimeout, LimitExceeded) as error:
            print(f"stopped: {error}")
            return
        print(ran.stdout, end="")
        print("result:", await vm.read_text("result.txt"))


asyncio.run(main())
