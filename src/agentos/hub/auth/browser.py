"""Browsers: signed in by a code that is good once, then known by a token in two halves.

A cookie alone would not do: browsers send it to every port of a host, and so to whatever server a
preview or another program runs there. So one half is a cookie, which no script can read, and the
other half is kept by the page's own origin, which no other port can read, and comes as a header,
which no page of another origin can send. Neither opens anything without the other.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping

from agentos.hub.auth.token_file import join_halves
from agentos.hub.auth.tokens import USER
from agentos.hub.errors import Refused
from agentos.hub.scopes import Principal

#: Where a code is shown, as `Authorization: Code ...`; it opens nothing else.
SIGN_IN = ("POST", "/api/v1/browser/session")
#: Seconds for which a code is good.
CODE_LIFETIME = 120.0
PAGE_HEADER = b"x-agentos-page"
_MOST_CODES = 20


class SignInCodes:
    """The codes of one hub; they end with it.

    Args:
        clock: Seconds that never jump.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def issue(self) -> str:
        """Make a code; of many that nobody uses, the oldest end."""
        code = secrets.token_urlsafe(24)
        self._until[code] = self._clock() + CODE_LIFETIME
        while len(self._until) > _MOST_CODES:
            del self._until[next(iter(self._until))]
        return code

    def redeem(self, code: str) -> Principal:
        """Take a code, which ends with that.

        Raises:
            Refused: It was never made, used already, or is too old.
        """
        until = self._until.pop(code, None)
        if until is None or self._clock() >= until:
            raise Refused(
                401,
                "code_not_good",
                "this link was used already, or is too old",
                hint="run `agentos open` for a new one",
            )
        return USER


def cookie_name(port: int) -> str:
    """Name the cookie of a hub; those of all ports of a host lie together."""
    return f"agentos_{port}"


def browser_token(said: Mapping[bytes, str], port: int) -> str | None:
    """Put the halves of a browser's token together, of a request by the hub's own page.

    Args:
        said: The request's headers.
        port: The port that it came to.
    """
    if said.get(b"sec-fetch-site") != "same-origin":
        return None
    page, cookies = said.get(PAGE_HEADER), said.get(b"cookie", "")
    name = f"{cookie_name(port)}="
    for each in cookies.split(";"):
        if page and each.strip().startswith(name):
            return join_halves(each.strip()[len(name) :], page)
    return None
