"""What a machine does with agents: sessions, and agents that wait."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Unpack, cast

from agentos.machine.commands import CommandVerbs
from agentos.machine.isolation.offers import require

if TYPE_CHECKING:
    from agentos.agents.definition import AgentDefinition
    from agentos.machine.isolation.backends import Isolation
    from agentos.machine.machine import AgentOs
    from agentos.sessions import Session
    from agentos.sessions.ready import ReadyAgent
    from agentos.sessions.settings import ResumeSettings, SessionSettings
    from agentos.sessions.transcripts import SessionRecord


class SessionVerbs(CommandVerbs):
    """Sessions of a machine."""

    isolation: Isolation
    name: str
    _sessions: list[Session]
    _ready_agent: ReadyAgent | None

    async def ready_agent(self, agent: str = "codex") -> None:
        """Start an agent that the next `create_session` with it finds waiting.

        Its process has started and said who it is; model, credentials and all else are told to
        it when the session is made. Where a session asks for what must be known earlier, such as
        another `CODEX_HOME`, it gets a process of its own.

        Raises:
            AgentError: It did not start, or cannot wait (`agent_cannot_wait`).
            AgentNotFound: There is no such agent.
            SoftwareError: The agent could not be installed.
        """
        from agentos.sessions.ready import make_ready

        require(self.isolation, "ready_agent")
        await self._end_ready_agent()
        self._ready_agent = await make_ready(cast("AgentOs", self), agent)

    async def _end_ready_agent(self) -> None:
        if self._ready_agent is not None:
            await self._ready_agent.connection.end()
            self._ready_agent = None

    async def create_session(
        self,
        agent: str | AgentDefinition = "codex",
        **settings: Unpack[SessionSettings],
    ) -> Session:
        """Start an agent in this machine and open a session with it.

        Args:
            agent: Its name, such as `"codex"`, the path of its file, or an `Agent` of your own.
            env: Environment of the agent, such as `OPENAI_API_KEY`.
            cwd: Where it works; by default the home directory.
            model: The model it asks for; for the gateway, such as `"openai/gpt-5.5"`.
            instructions: Added to the agent's own.
            provider: A model provider on the host, such as the rehearsal model; or a
                `ModelGateway`; or a route for the gateway, such as `"openrouter"`.
            credentials: `"gateway"` keeps the provider's key on the host, `"env"` takes what is
                in `env` or the machine; by default the gateway if `agentos.toml` configures a
                provider and the session has no credentials of its own.
            profile: A role, such as `"planner"`: the settings of its file in the machine apply
                (Codex: `~/.codex/planner.config.toml`), and its model calls are booked under it.
            profile_file: The profile's file, in the agent's own format; written into the machine.
                As with skills and instructions, a `str` with a line break is the text itself,
                everything else a path on the host.
            skills: Skills that the agent can look up: directories with a `SKILL.md`, the texts
                of one, or `Skill`s. They stay in the machine.
            instructions_file: An `AGENTS.md`. It becomes a marked part of the agent's own, in
                place of the former one, and stays in the machine.
            memories: What was learned earlier, each a text, or the `Path` of one; a marked part
                of the same file.
            budget: What it may spend on models; through the gateway only.
            mcp_servers: MCP servers by name, beside those in the agent's own configuration.
            tools: Functions of yours, or `Tool`s, that the agent may call: async, or sync, which
                run in a thread. They run here, outside the machine; nobody but this session
                can call them.
            permission: `"allow"`, `"ask"`, `"reject"`, `PermissionRules`, or a callback.
            permission_timeout: Seconds after which an unanswered question is rejected; by
                default never.
            idle_timeout: Seconds without work after which the agent's process ends until it is
                needed again; by default never.
            mode: One of the agent's modes to begin with.
            hub: The hub's MCP server for this session: True, scopes such as
                `["portfolio:read"]`, or a `HubAccess`. Its token ends with the session, and its
                file tools work on the machine's files.
            id: What its transcript is kept under, which no other session has; by default a new id.
            notes: Plain JSON that is kept with the transcript; nothing secret.

        Raises:
            AgentNotFound: There is no such agent.
            AuthenticationRequired: It has no credentials; the hint says which would do.
            NetworkDenied: The machine's policy forbids the model provider.
            SoftwareError: The agent could not be installed.
        """
        from agentos.sessions.create import create_session

        require(self.isolation, "create_session")
        ready, self._ready_agent = self._ready_agent, None
        if (cwd := settings.get("cwd")) is not None:
            settings["cwd"] = os.fsdecode(self._encode(cwd))
        _understand_hub(settings)
        session = await create_session(cast("AgentOs", self), agent, ready=ready, **settings)
        return self._adopted(session)

    async def sessions(self, *, limit: int = 100) -> list[SessionRecord]:
        """List the sessions of machines of this name, those with the latest events first.

        `resume_session` goes on with any of them, in any machine.
        """
        from agentos.sessions.transcripts.keeper import open_transcripts

        async with open_transcripts() as transcripts:
            return await transcripts.sessions(machine=self.name, limit=limit)

    async def resume_session(
        self,
        session_id: str,
        *,
        agent: AgentDefinition | None = None,
        **settings: Unpack[ResumeSettings],
    ) -> Session:
        """Go on with a session after its process, its machine or its agent has ended.

        The agent takes it up from its own files, which are kept with the transcript and put into
        this machine; where it cannot, a fresh one is told the transcript. `session.resumed` says
        which it was, and what did not survive. Whoever drove the session until now can write it
        no more. Credentials are in no store: pass them again.

        Args:
            session_id: From `sessions`, or `session.id`.
            agent: The agent, if it was an `Agent` of your own; else its name says which.
            settings: As for `create_session`, but for `cwd`, `instructions`, `id` and
                `notes`, which stay as they were; `model`, `profile` and `mode` stay so where they
                are not given. Skills, instructions and memories are written into this machine.

        Raises:
            SessionNotFound: There is no such session.
            AgentOsError: As for `create_session`.
        """
        from agentos.sessions.create import resume_session

        require(self.isolation, "create_session")
        _understand_hub(settings)
        session = await resume_session(cast("AgentOs", self), session_id, agent=agent, **settings)
        return self._adopted(session)

    def _adopted(self, session: Session) -> Session:
        """Let a session end with the machine."""
        self._sessions = [open for open in self._sessions if not open.closed] + [session]
        return session


def _understand_hub(settings: ResumeSettings) -> None:
    """Put what `hub=` says into what sessions take: they know nothing of the hub."""
    if hub := settings.get("hub", False):
        from agentos.hub.access import HubAccess

        settings["hub"] = HubAccess.of(hub) or False
