"""The services of this host: what `agentos.toml` registers, and the portfolio of the home."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from agentos.home.projects import ActiveProjects, Project
from agentos.hub.mcp.services import Services
from agentos.hub.settings import HubSettings
from agentos.portfolio import Portfolio

if TYPE_CHECKING:
    from agentos.hub.actions import Actions
    from agentos.hub.files.files import ConfinedFiles
    from agentos.hub.git import Repositories
    from agentos.hub.telemetry.event import HubEvent


class HostServices:
    """Makes each service when it is first needed.

    Args:
        settings: What is registered.
        home: The AgentOS home.
        state: The state directory.
        projects: Knows each client's active project.
    """

    def __init__(
        self, settings: HubSettings, home: Path, state: Path, projects: ActiveProjects
    ) -> None:
        self._settings = settings
        self._home = home
        self._state = state
        self._projects = projects

    def services(self, record: Callable[[HubEvent], None]) -> Services:
        """Return them for the tools.

        Args:
            record: Remembers an event.
        """
        return Services(
            portfolio=self.portfolio,
            files=lambda: self._files,
            repositories=lambda: self._repositories,
            actions=lambda: self._actions,
            record=record,
        )

    def portfolio(self, client: str = "") -> Portfolio:
        """Return the portfolio as a client sees it.

        Raises:
            ConfigInvalid: Its active project is not registered any more.
        """
        return self._portfolio(self._projects.active(client))

    def whole_portfolio(self) -> Portfolio:
        """Return it as the user sees it, whatever the active project is."""
        return self._portfolio(None)

    def _portfolio(self, project: Project | None) -> Portfolio:
        stale_after = self._settings.stale_after_days
        return Portfolio(self._home, project, state=self._state, stale_after=stale_after)

    def close(self) -> None:
        """Let go of the directories that are held open."""
        if files := self.__dict__.pop("_files", None):
            files.close()

    @cached_property
    def _files(self) -> ConfinedFiles:
        from agentos.hub.files.files import ConfinedFiles

        return ConfinedFiles(self._settings.fs_roots)

    @cached_property
    def _repositories(self) -> Repositories:
        from agentos.hub.git import Repositories

        return Repositories(self._settings.repositories)

    @cached_property
    def _actions(self) -> Actions:
        from agentos.hub.actions import Actions

        return Actions(self._settings.actions)
