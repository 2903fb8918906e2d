"""The user's own token, in a file that clients of the same user read."""

from __future__ import annotations

import secrets
from pathlib import Path

from agentos.errors import ConfigInvalid
from agentos.hub.auth.private_file import create_private, read_private, replace_private

_SHORTEST = 24


def new_token() -> str:
    """Make a token; its beginning lets scanners of secrets know it."""
    return f"agentos_{secrets.token_urlsafe(32)}"


def join_halves(cookie: str, page: str) -> str:
    """Return a browser's token, of which two places keep one half each."""
    return f"{cookie}.{page}"


def read_or_make(path: Path) -> str:
    """Return the token, which is made if there is none; two that make it at once agree.

    Raises:
        ConfigInvalid: Others can read it, it belongs to somebody else, or it is no token.
        AgentOsError: No space is left for it.
    """
    try:
        return read_token(path)
    except FileNotFoundError:
        create_private(path, f"{new_token()}\n")
        return read_token(path)


def read_token(path: Path) -> str:
    """Return the token.

    Raises:
        FileNotFoundError: There is none.
        ConfigInvalid: As of `read_or_make`.
    """
    token = read_private(path).strip()
    if len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigInvalid(
            f"{path} holds no token",
            code="token_file_damaged",
            hint="remove it: a new one is made at the next start",
        )
    return token


def replace_token(path: Path) -> str:
    """Put a new token in the place of the old one."""
    token = new_token()
    replace_private(path, f"{token}\n")
    return token
