"""Which program asks."""

from __future__ import annotations

import re
from functools import lru_cache

_KNOWN = ("codex", "claude", "cursor", "gemini", "opencode", "agentos", "vscode")
_PRODUCT = re.compile(r"[A-Za-z0-9][\w.+-]{0,60}")


@lru_cache(maxsize=256)
def client_name(given: str, principal: str = "") -> str:
    """Name the program that asks, in one word for all of its versions.

    Args:
        given: Its User-Agent, or the name in its MCP `clientInfo`.
        principal: The name of its token, for a program that does not tell.

    Example:
        ```python
        client_name("codex_cli_rs/0.140.0 (Debian 12)")  # "codex"
        client_name("claude-code")  # "claude"
        ```
    """
    given = given[:500]
    if given.startswith("Mozilla/"):
        return "browser"
    product = _PRODUCT.match(given)
    if product is None:
        return principal
    word = product[0].lower()
    return next((name for name in _KNOWN if word.startswith(name)), word)
