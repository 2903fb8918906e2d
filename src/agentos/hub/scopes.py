"""What a token allows, and who a request comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agentos.errors import ConfigInvalid


class Scope(StrEnum):
    """One right of a token; `ALL` is that of the user's own."""

    ALL = "*"
    PORTFOLIO_READ = "portfolio:read"
    PORTFOLIO_PROPOSE = "portfolio:propose"
    FS_READ = "fs:read"
    FS_WRITE = "fs:write"
    GIT_READ = "git:read"
    GIT_COMMIT = "git:commit"
    GIT_PUSH = "git:push"
    EXT_RUN = "ext:run"
    TELEMETRY_WRITE = "telemetry:write"
    STATUS_READ = "status:read"


def parse_scopes(text: str) -> frozenset[Scope]:
    """Read `portfolio:read,fs:read`.

    Raises:
        ConfigInvalid: One of them does not exist, or there is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in {str(scope) for scope in Scope}]
    if unknown or not names:
        raise ConfigInvalid(
            f"there is no scope {unknown[0]!r}" if unknown else "no scope is named",
            code="scope_unknown",
            hint=f"the scopes are {', '.join(Scope)}",
        )
    return frozenset(Scope(name) for name in names)


@dataclass(frozen=True)
class Principal:
    """Who a request comes from: the holder of a token.

    Attributes:
        name: The token's name: `user` for the one in the token file.
        scopes: What it may do.
        session: The session in a machine that it belongs to, if any.
    """

    name: str
    scopes: frozenset[Scope]
    session: str | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether this right, or every right, is among its scopes."""
        return scope in self.scopes or Scope.ALL in self.scopes
