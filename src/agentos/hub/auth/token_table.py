"""Tokens beside the user's own: what is kept of them, which is no secret."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from agentos.errors import ConfigInvalid
from agentos.hub.auth.private_file import read_private, replace_private
from agentos.hub.scopes import Principal, Scope

#: Seconds for which a token that has ended is still listed.
_REMEMBERED = 7 * 86400.0


@dataclass(frozen=True)
class Token:
    """A token that was handed out.

    Attributes:
        id: Its name for `agentos token revoke`, no secret.
        name: What requests with it are recorded under.
        digest: The SHA-256 of the token itself.
        scopes: What it allows.
        created, expires: On the wall clock, in seconds since 1970; it may never expire.
        session: The session in a machine that it belongs to, if any.
        under: The digest of the user's own token that it ends with, if it does.
    """

    id: str
    name: str
    digest: str
    scopes: frozenset[Scope]
    created: float
    expires: float | None
    session: str | None = None
    under: str | None = None

    @property
    def principal(self) -> Principal:
        """Who asks with it."""
        return Principal(self.name, self.scopes, self.session)


class TokenTable:
    """A private JSON file of tokens, which several processes change.

    Args:
        path: The file; it need not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Token, ...]:
        """Return the tokens, oldest first.

        Raises:
            ConfigInvalid: The file is damaged, or others can read it.
        """
        try:
            rows = json.loads(read_private(self.path))["tokens"]
            return tuple(
                Token(**{**row, "scopes": frozenset(Scope(name) for name in row["scopes"])})
                for row in rows
            )
        except FileNotFoundError:
            return ()
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigInvalid(
                f"{self.path} is damaged: {error}",
                code="token_table_damaged",
                hint="move it away: its tokens end, and others can be created",
            ) from error

    def change(self, to: Callable[[tuple[Token, ...]], tuple[Token, ...]], now: float) -> None:
        """Replace the tokens by what a function makes of them; no other process comes between."""
        with self._alone():
            kept = to(self.read())
            kept = tuple(one for one in kept if (one.expires or now) > now - _REMEMBERED)
            rows = [{**asdict(one), "scopes": sorted(one.scopes)} for one in kept]
            replace_private(self.path, json.dumps({"tokens": rows}, indent=1) + "\n")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
