"""An agent's own way to a model: keys in variables, or a login in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentos.agents.definition import AgentRequest, Endpoint, from_inside
from agentos.agents.machine import AgentMachine
from agentos.errors import AuthenticationRequired


@dataclass(frozen=True)
class Account:
    """Where an agent finds a model by itself.

    Args:
        agent: Its name, for messages.
        keys: Variables that hold a key, and the API that each is for.
        base_url: The variable that names another API for them, if there is one.
        login: A file below the home directory that a login leaves.
    """

    agent: str
    keys: Mapping[str, str]
    base_url: str | None = None
    login: str | None = None

    async def is_there(self, machine: AgentMachine, request: AgentRequest) -> bool:
        """Tell whether there is a key or a login."""
        env = machine.environment(request.env)
        return bool(self._given(env)) or await self._logged_in(machine, env)

    async def use(
        self, machine: AgentMachine, request: AgentRequest
    ) -> tuple[dict[str, str], list[Endpoint]]:
        """Return what this adds to the agent's environment, and what it needs of the network.

        Raises:
            AuthenticationRequired: There is neither a key nor a login.
            ConfigInvalid: The base URL is none.
        """
        env = machine.environment(request.env)
        keys = self._given(env)
        if not keys and not await self._logged_in(machine, env):
            login = f", or have {self.login} in the home directory" if self.login else ""
            raise AuthenticationRequired(
                f"{self.agent} has no credentials for a model",
                hint=f"set {' or '.join(self.keys)} in env= (--env {next(iter(self.keys))})"
                f"{login}, or configure a provider in your agentos.toml",
            )
        given = env.get(self.base_url, "").strip() if self.base_url else ""
        if given and self.base_url:
            url = from_inside(given)
            return {self.base_url: url}, [Endpoint.of(url, granted=True)]
        urls = dict.fromkeys(self.keys[key] for key in keys) or dict.fromkeys(self.keys.values())
        return {}, [Endpoint.of(url, granted=bool(keys)) for url in urls]

    def _given(self, env: Mapping[str, str]) -> list[str]:
        return [key for key in self.keys if env.get(key, "").strip()]

    async def _logged_in(self, machine: AgentMachine, env: Mapping[str, str]) -> bool:
        if self.login is None:
            return False
        try:
            await machine.read_file(f"{env['HOME']}/{self.login}")
        except FileNotFoundError:
            return False
        return True
