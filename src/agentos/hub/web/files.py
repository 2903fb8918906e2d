"""The built page: a few files, each served compressed and with a strict policy."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

DIST = Path(__file__).parent / "dist"
#: Their names hold a digest of what is in them, so that they never change.
_HASHED = "assets/"
_YEAR = "public, max-age=31536000, immutable"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9.:\[\]*-]+", re.IGNORECASE)


class BuiltFile:
    """A file of the page.

    Args:
        path: Where it is.
        name: Its path in the build.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self.url = "/" if name == "index.html" else f"/{name}"
        self._cache = _YEAR if name.startswith(_HASHED) else "no-cache"

    def answer(self, request: Request, policy: dict[str, str]) -> Response:
        """Serve it."""
        headers = {
            **policy,
            "Cache-Control": self._cache,
            "ETag": self._tag,
            "Vary": "Accept-Encoding",
        }
        if self._tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = self._content
        if "gzip" in request.headers.get("accept-encoding", ""):
            body = self._compressed
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers | {"Content-Type": _TYPES[self._path.suffix]})

    @cached_property
    def _content(self) -> bytes:
        return self._path.read_bytes()

    @cached_property
    def _compressed(self) -> bytes:
        return gzip.compress(self._content, 9, mtime=0)

    @cached_property
    def _tag(self) -> str:
        return f'"{hashlib.sha256(self._content).hexdigest()[:32]}"'


def built_files(directory: Path = DIST) -> list[BuiltFile]:
    """Return the files that browsers may ask for."""
    return [
        BuiltFile(path, path.relative_to(directory).as_posix())
        for path in sorted(directory.rglob("*"))
        if path.suffix in _TYPES
    ]


def policy_headers(allowed_origins: Iterable[str]) -> dict[str, str]:
    """Return what a browser is told about the page: nothing from elsewhere, nothing inline.

    Args:
        allowed_origins: Whose pages may show it in a frame, as they may ask the hub anyway.
    """
    framing = [origin for origin in allowed_origins if _ORIGIN.fullmatch(origin)]
    rules = (
        *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'"),
        *("connect-src 'self'", "base-uri 'none'", "form-action 'none'"),
        f"frame-ancestors {' '.join(framing) or chr(39) + 'none' + chr(39)}",
        *("require-trusted-types-for 'script'", "trusted-types 'none'"),
    )
    return {
        "Content-Security-Policy": "; ".join(rules),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
