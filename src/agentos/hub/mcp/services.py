"""What the tools stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from agentos.errors import AgentOsError

if TYPE_CHECKING:
    from agentos.hub.actions import Actions
    from agentos.hub.files.files import Files
    from agentos.hub.git import Repositories
    from agentos.hub.telemetry.event import HubEvent
    from agentos.portfolio import Portfolio


@dataclass(frozen=True)
class Services:
    """The parts of the hub that tools use, each asked for when it is needed.

    Attributes:
        portfolio: The portfolio as a client sees it, whose name it takes: of its active project.
        files: The files of the file tools.
        repositories: The registered repositories.
        actions: The project actions.
        record: Remembers an event.
    """

    portfolio: Callable[[str], Portfolio]
    files: Callable[[], Files]
    repositories: Callable[[], Repositories]
    actions: Callable[[], Actions]
    record: Callable[[HubEvent], None]


def missing(message: str, *, code: str, hint: str) -> Callable[[], NoReturn]:
    """Stand for a service that is not there."""

    def refuse() -> NoReturn:
        raise AgentOsError(message, code=code, hint=hint)

    return refuse
