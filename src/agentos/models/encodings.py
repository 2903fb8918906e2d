"""Compressed bodies, read piece by piece and never beyond a bound."""

from __future__ import annotations

import sys
import zlib
from typing import Any, Protocol

#: What we can read, for `accept-encoding`.
READABLE = ("gzip", "zstd")


class TooLarge(ValueError):
    """A body is larger, once read, than it may be."""


class Decoder(Protocol):
    """Takes a compressed body apart."""

    def decode(self, data: bytes, most: int) -> bytes:
        """Return what the next bytes stand for.

        Raises:
            TooLarge: It is more than `most` bytes.
            ValueError: They are not what the encoding says.
        """

    @property
    def complete(self) -> bool:
        """Whether the body ended where it should."""


def decoder(encoding: str | None) -> Decoder | None:
    """Return a decoder for a `content-encoding`; None if nothing is to be done.

    Raises:
        LookupError: There is no decoder for it.
    """
    name = (encoding or "identity").strip().lower()
    if name == "identity":
        return None
    if name in ("gzip", "x-gzip"):
        return _Gzip()
    if name == "zstd":
        return _Zstd()
    raise LookupError(name)


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def decode(self, data: bytes, most: int) -> bytes:
        try:
            out = self._stream.decompress(data, most + 1)
        except zlib.error as error:
            raise ValueError(f"not gzip: {error}") from error
        if len(out) > most:
            raise TooLarge
        return out

    @property
    def complete(self) -> bool:
        return self._stream.eof


class _Zstd:
    def __init__(self) -> None:
        self._stream, self._error = _zstd()

    def decode(self, data: bytes, most: int) -> bytes:
        if self._stream.eof:
            return b""
        try:
            out: bytes = self._stream.decompress(data, most + 1)
        except self._error as error:
            raise ValueError(f"not zstd: {error}") from error
        if len(out) > most:
            raise TooLarge
        return out

    @property
    def complete(self) -> bool:
        return bool(self._stream.eof)


def _zstd() -> tuple[Any, type[Exception]]:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.ZstdDecompressor(), zstd.ZstdError
