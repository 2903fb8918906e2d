"""An agent in 40 lines: it speaks ACP through the SDK, and runs what it is told to."""

import asyncio
import contextlib
import subprocess
import uuid

import acp
from acp.schema import InitializeResponse, NewSessionResponse, PromptResponse


class EchoAgent:
    def on_connect(self, conn):
        self.client = conn

    async def initialize(self, protocol_version, **_):
        return InitializeResponse(protocol_version=protocol_version)

    async def new_session(self, cwd, **_):
        self.cwd = cwd
        return NewSessionResponse(session_id=uuid.uuid4().hex)

    async def prompt(self, prompt, session_id, **_):
        self.turn = asyncio.ensure_future(self.run(prompt[0].text))
        with contextlib.suppress(asyncio.CancelledError):
            chunk = acp.update_agent_message_text(await self.turn)
            await self.client.session_update(session_id=session_id, update=chunk)
        return PromptResponse(stop_reason="cancelled" if self.turn.cancelled() else "end_turn")

    async def run(self, command):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        own = {"cwd": self.cwd, "start_new_session": True}
        shell = await asyncio.create_subprocess_shell(command, **own, **pipes)
        return (await shell.communicate())[0].decode().strip()

    async def cancel(self, session_id, **_):
        self.turn.cancel()


asyncio.run(acp.run_agent(EchoAgent()))
