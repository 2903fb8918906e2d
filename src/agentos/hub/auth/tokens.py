"""Hand out tokens, know them again, and take them back."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from agentos.errors import ConfigInvalid
from agentos.hub.auth.private_file import Mark, make_private_directory, mark_of
from agentos.hub.auth.token_file import (
    join_halves,
    new_token,
    read_or_make,
    read_token,
    replace_token,
)
from agentos.hub.auth.token_table import Token, TokenTable
from agentos.hub.errors import Refused
from agentos.hub.scopes import Principal, Scope

#: How long the token of a session is good if nobody ends it, in seconds.
SESSION_LIFETIME = 24 * 3600.0
#: How long a browser stays signed in, in seconds.
BROWSER_LIFETIME = 7 * 86400.0
BROWSER = "dashboard"
USER = Principal("user", frozenset({Scope.ALL}))
_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)


def uptime() -> float:
    """Return seconds that never jump, and go on while the computer sleeps."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


class Tokens:
    """The tokens of one state directory.

    What another process changes holds from the next request on. A time limit is counted from
    when it is first read, on a clock that never jumps: setting the computer's clock back does
    not bring an ended token back while the hub runs, and never gives one more than its whole
    lifetime again; setting it forward ends none before the hub starts anew.

    Args:
        state: The state directory, which is made if there is none.
        clock: The wall clock, in seconds.
        uptime: Seconds that never jump.

    Raises:
        ConfigInvalid: Others can write to the state directory.
    """

    def __init__(
        self,
        state: Path,
        *,
        clock: Callable[[], float] = time.time,
        uptime: Callable[[], float] = uptime,
    ) -> None:
        make_private_directory(state)
        self._file = state / "token"
        self._table = TokenTable(state / "tokens.json")
        self._clock = clock
        self._uptime = uptime
        self._seen: tuple[Mark | None, Mark | None] | None = None
        self._user = ""
        self._by_selector: dict[str, Token] = {}
        self._until: dict[str, float] = {}

    def user(self) -> str:
        """Return the user's own token, which is made if there is none.

        Raises:
            ConfigInvalid: Its file is not private, or holds no token.
        """
        return read_or_make(self._file)

    def check(self, shown: str) -> Principal:
        """Know a token again.

        Raises:
            Refused: It opens nothing, or the hub cannot tell.
        """
        self._refresh()
        digest = _digest(shown)
        if hmac.compare_digest(digest, self._user):
            return USER
        # The beginning of a digest tells nobody a token, and saves comparing with all of them.
        found = self._by_selector.get(digest[:16])
        same = hmac.compare_digest(digest, found.digest if found else self._user)
        if found is None or not same or found.under not in (None, self._user):
            hint = "`agentos token show` shows the user's own, in the file that the hub reads"
            raise Refused(401, "token_unknown", "the token is not known, or revoked", hint=hint)
        if self._uptime() >= self._until.get(found.id, float("inf")):
            hint = "`agentos token create` makes another one"
            raise Refused(401, "token_expired", f"the token {found.name} has expired", hint=hint)
        return found.principal

    def create(
        self, scopes: Iterable[Scope], *, name: str = "", lifetime: float | None = None
    ) -> str:
        """Make a token.

        Args:
            scopes: What it allows.
            name: What requests with it are recorded under.
            lifetime: Seconds until it ends; None lets it end by `revoke` only.

        Returns:
            The token; it cannot be had again.

        Raises:
            ConfigInvalid: Its name is that of the user's own.
        """
        if name == USER.name:
            raise ConfigInvalid(
                f"{name!r} is what your own token is called",
                code="token_name_taken",
                hint="choose another --name",
            )
        return self._add(new_token(), frozenset(scopes), name, lifetime)

    def for_session(
        self, session: str, scopes: Iterable[Scope], *, lifetime: float = SESSION_LIFETIME
    ) -> str:
        """Make the token of a session in a machine; `end_session` ends it."""
        return self._add(new_token(), frozenset(scopes), f"session {session}", lifetime, session)

    def for_browser(self, *, lifetime: float = BROWSER_LIFETIME) -> tuple[str, str]:
        """Make the token of a browser, which ends with the user's own at the latest.

        Returns:
            Its halves: that of the cookie and that of the page.
        """
        cookie, page = new_token(), secrets.token_urlsafe(32)
        user = _digest(self.user())
        self._remove(lambda one: one.under not in (None, user))
        self._add(join_halves(cookie, page), USER.scopes, BROWSER, lifetime, under=user)
        return cookie, page

    def end(self, token: str) -> None:
        """End a token that is shown, other than the user's own; safe to repeat."""
        digest = _digest(token)
        self._remove(lambda one: hmac.compare_digest(one.digest, digest))

    def rotate(self, grace: float = 0.0) -> str:
        """Put a new user's token in the place of the old one.

        Args:
            grace: Seconds for which the old one is still good.

        Returns:
            The new one.
        """
        old = self.user()
        if grace > 0:
            # First this: a crash between the two leaves the old one good, never none.
            self._add(old, USER.scopes, USER.name, grace)
        return replace_token(self._file)

    def revoke(self, which: str) -> Token:
        """End a token.

        Args:
            which: Its id, or its name if no other token has it.

        Raises:
            ConfigInvalid: There is none, or several have that name.
        """
        known = self.list()
        found = [one for one in known if one.id == which]
        found = found or [one for one in known if one.name == which]
        if len(found) != 1:
            what = f"{len(found)} tokens are" if found else "there is no token"
            raise ConfigInvalid(
                f"{what} called {which!r}",
                code="token_not_found",
                hint="`agentos token list` shows their ids",
            )
        self._remove(lambda one: one.id == found[0].id)
        return found[0]

    def end_session(self, session: str) -> None:
        """End the tokens of a session; safe to repeat."""
        self._remove(lambda one: one.session == session)

    def list(self) -> tuple[Token, ...]:
        """Return the tokens beside the user's own, oldest first."""
        return self._table.read()

    def _add(
        self,
        token: str,
        scopes: frozenset[Scope],
        name: str,
        lifetime: float | None,
        session: str | None = None,
        under: str | None = None,
    ) -> str:
        now, id = self._clock(), secrets.token_hex(4)
        expires = None if lifetime is None else now + lifetime
        name = name or f"token {id}"
        made = Token(id, name, _digest(token), scopes, now, expires, session, under)
        self._table.change(lambda known: (*known, made), now)
        return token

    def _remove(self, which: Callable[[Token], bool]) -> None:
        if any(which(one) for one in self.list()):
            self._table.change(
                lambda known: tuple(one for one in known if not which(one)), self._clock()
            )

    def _refresh(self) -> None:
        marks = mark_of(self._file), mark_of(self._table.path)
        if marks == self._seen:
            return
        try:
            token, tokens = read_token(self._file), self._table.read()
        except FileNotFoundError as error:
            raise Refused(
                503,
                "token_file_missing",
                f"{self._file} is not there any more",
                hint="put it back where it was, or make a new one: `agentos token show`",
            ) from error
        except ConfigInvalid as error:
            raise Refused(503, error.code, error.message, hint=error.hint) from error
        self._user = _digest(token)
        self._by_selector = {one.digest[:16]: one for one in tokens}
        self._until = {one.id: self._end_of(one) for one in tokens if one.expires is not None}
        self._seen = marks

    def _end_of(self, token: Token) -> float:
        assert token.expires is not None
        left = min(token.expires - self._clock(), token.expires - token.created)
        return min(self._uptime() + left, self._until.get(token.id, float("inf")))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
