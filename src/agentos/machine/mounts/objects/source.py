"""What of which object store is mounted, and with whose credentials."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, Self

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


@dataclass(frozen=True, slots=True)
class S3Credentials:
    """A key of an object store; it stays on the host.

    Attributes:
        access_key_id: Its name.
        secret_access_key: What requests are signed with.
        session_token: What comes with a temporary key.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


Credentials = S3Credentials | Literal["anonymous"] | None


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """The objects below a prefix of a bucket; `Mount.objects` explains each attribute."""

    bucket: str
    prefix: str
    endpoint: str | None
    region: str | None
    credentials: Credentials = field(repr=False)
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    max_bytes: int
    max_objects: int
    timeout: float

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket):
            raise ValueError(f"{self.bucket!r} is no name of a bucket")
        if any(part in ("", ".", "..") for part in self.prefix.split("/")) and self.prefix:
            raise ValueError(f"{self.prefix!r} is no prefix that can be a directory")
        if min(self.max_bytes, self.max_objects, self.timeout) <= 0:
            raise ValueError("max_bytes, max_objects and timeout are more than 0")

    @classmethod
    def parse(
        cls,
        url: str,
        *,
        endpoint: str | None,
        region: str | None,
        credentials: Credentials,
        include: Sequence[str],
        exclude: Sequence[str],
        max_bytes: int,
        max_objects: int,
        timeout: float,
    ) -> Self:
        """Read a URL such as `s3://bucket/prefix`.

        Raises:
            ValueError: It is none.
        """
        scheme, _, place = url.partition("://")
        if scheme != "s3" or not place:
            raise ValueError(f"an object store is named s3://BUCKET/PREFIX, not {url!r}")
        if isinstance(include, str) or isinstance(exclude, str):
            raise ValueError("include and exclude are lists of patterns")
        bucket, _, prefix = place.partition("/")
        endpoint = endpoint or next(filter(None, map(os.environ.get, _ENDPOINTS)), None)
        endpoint = endpoint and endpoint.rstrip("/")
        return cls(
            bucket=bucket,
            prefix=prefix.removesuffix("/"),
            endpoint=endpoint,
            region=region,
            credentials=credentials,
            include=tuple(include),
            exclude=tuple(exclude),
            max_bytes=max_bytes,
            max_objects=max_objects,
            timeout=timeout,
        )

    @property
    def url(self) -> str:
        """The source in one word, without credentials."""
        return f"s3://{self.bucket}/{self.prefix}".removesuffix("/")

    @property
    def place(self) -> str:
        """A name for its directory in the cache: the same for the same objects."""
        words = "\0".join((self.endpoint or "", self.bucket, self.prefix))
        return hashlib.sha256(words.encode()).hexdigest()[:24]

    def key(self, path: str) -> str:
        """Return the key of the object at a path of the mount."""
        return f"{self.prefix}/{path}" if self.prefix else path

    def path(self, key: str) -> str:
        """Return where an object appears, relative to the mount."""
        return key[len(self.prefix) + 1 :] if self.prefix else key

    def wants(self, path: str) -> bool:
        """Tell whether the patterns let an object be mounted."""
        included = not self.include or any(fnmatchcase(path, one) for one in self.include)
        return included and not any(fnmatchcase(path, one) for one in self.exclude)
