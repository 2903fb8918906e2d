"""The one object that the hub's parts receive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from agentos.config import home_dir, state_dir
from agentos.errors import AgentOsError
from agentos.home.projects import ActiveProjects
from agentos.hub.auth.browser import SignInCodes
from agentos.hub.auth.tokens import Tokens
from agentos.hub.errors import Refused
from agentos.hub.records import NotRecorded, Recorder
from agentos.hub.settings import HubSettings

if TYPE_CHECKING:
    from agentos.hub.telemetry.telemetry import Telemetry
    from agentos.store import Store


@dataclass
class Hub:
    """What the parts of a hub share.

    Attributes:
        settings: The hub's part of `agentos.toml`.
        state: The state directory.
        home: The AgentOS home.
        tokens: Who may ask for what.
        codes: Sign browsers in.
        open_paths: What may be read without a token: files of the page, which tell nothing.
        projects: Knows each client's active project.
        recorder: Told of every request; a part may put its own here.
        version: Of AgentOS.
        started: When this hub began.
        closing: Set when the hub is about to end: streams shall end now.
        draining: Whether another process has taken over, and connections shall move there.
        hand_over: Starts that other process and returns its id; None where nothing can.
    """

    settings: HubSettings = field(default_factory=HubSettings)
    state: Path = field(default_factory=state_dir)
    home: Path = field(default_factory=home_dir)
    tokens: Tokens = field(init=False)
    projects: ActiveProjects = field(init=False)
    recorder: Recorder = field(default_factory=NotRecorded)
    version: str = field(default_factory=lambda: version("agentos-vm"))
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    draining: bool = False
    hand_over: Callable[[], Awaitable[int]] | None = None
    codes: SignInCodes = field(default_factory=SignInCodes)
    open_paths: set[str] = field(default_factory=set)
    _store: Store | None = None
    _telemetry: Telemetry | None = None

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.state)
        self.tokens.user()
        self.projects = ActiveProjects(self.settings.projects, self.state)
        self._had_home = self.home.is_dir()

    @property
    def store(self) -> Store:
        """The store, while the application runs."""
        if self._store is None:
            raise AgentOsError("the hub's store is not open", code="hub_not_running")
        return self._store

    @property
    def telemetry(self) -> Telemetry:
        """What remembers events, while the application runs."""
        if self._telemetry is None:
            raise AgentOsError("the hub's telemetry does not run", code="hub_not_running")
        return self._telemetry

    @telemetry.setter
    def telemetry(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def require_home(self) -> Path:
        """Return the AgentOS home, which has to be there.

        Raises:
            Refused: It is not, or not any more.
        """
        if self.home.is_dir():
            return self.home
        if self._had_home:
            message = f"the AgentOS home {self.home} is not there any more"
            hint = "put it back, or set AGENTOS_HOME to where it is and run `agentos restart`"
        else:
            message = f"there is no AgentOS home at {self.home}"
            hint = "`agentos init` makes one"
        raise Refused(503, "home_missing", message, hint=hint)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Have the store open for as long as the application runs."""
        from agentos.store import Store

        self._store = store = await Store.open()
        try:
            yield
        finally:
            self._store = None
            await asyncio.shield(store.close())
