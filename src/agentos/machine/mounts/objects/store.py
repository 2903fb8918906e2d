"""Requests to an object store, through obstore."""

from __future__ import annotations

import asyncio
import mmap
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from agentos.errors import LimitExceeded, MachineError, ObjectStoreError
from agentos.machine.mounts.objects.credentials import credentials_of
from agentos.machine.mounts.objects.faults import explained
from agentos.machine.mounts.objects.source import ObjectSource

if TYPE_CHECKING:
    from obstore import Attributes, GetResult, ObjectMeta, PutMode
    from obstore.store import S3Store

#: Bytes of a download that are in memory at once.
_CHUNK = 4 * 2**20
_PAGE = 1000
#: Bytes a second that an upload makes at least before it counts as stalled.
_SLOWEST = 64 * 1024
_EXECUTABLE = "agentos-executable"
_RETRIES = 3


@dataclass(frozen=True, slots=True)
class Version:
    """An object as it was at one time.

    Attributes:
        key: Its name.
        tag: The store's mark of its content.
        size: Its bytes.
        modified: When it was put, in nanoseconds since the epoch.
    """

    key: str
    tag: str
    size: int
    modified: int


class Store:
    """The object store of one source.

    Raises:
        MachineError: obstore is not installed.
    """

    def __init__(self, source: ObjectSource) -> None:
        self.source = source
        self._client = _client(source)

    async def list(self) -> list[Version]:
        """List the objects that are wanted, within the source's bounds.

        Raises:
            LimitExceeded: There are more, or they are larger altogether.
            ObjectStoreError: The store refuses or does not answer.
        """
        import obstore

        found: list[Version] = []
        size = 0
        pages = obstore.list(self._client, self.source.prefix or None, chunk_size=_PAGE)
        with explained(self.source):
            while True:
                try:
                    async with asyncio.timeout(self.source.timeout):
                        page = await anext(pages)
                except StopAsyncIteration:
                    break
                # A key that is the prefix and a slash stands for the directory itself.
                below = [one for one in page if one["path"] != self.source.prefix]
                wanted = [one for one in below if self.source.wants(self.source.path(one["path"]))]
                found += map(_version, wanted)
                size += sum(one["size"] for one in wanted)
                self._check_bounds(len(found), size)
        if not found and self.source.prefix and await self.head(self.source.prefix):
            name = self.source.prefix.rpartition("/")[2]
            raise ObjectStoreError(
                f"{self.source.url} is an object, not a directory of objects",
                code="objects_unmountable",
                hint=f"mount the prefix above it with include=[{name!r}]",
            )
        return found

    def _check_bounds(self, count: int, size: int) -> None:
        bounds = (
            ("objects", count, self.source.max_objects),
            ("bytes", size, self.source.max_bytes),
        )
        for unit, found, most in bounds:
            if found > most:
                raise LimitExceeded(
                    f"{self.source.url} holds more than {most} {unit}",
                    limit=f"max_{unit}",
                    hint=f"mount a longer prefix, choose with include=, or raise max_{unit}=",
                )

    async def get(self, key: str) -> Download | None:
        """Begin to read an object; None if there is none."""
        result = await self._get(key, head=False)
        return None if result is None else Download(self.source, result)

    async def head(self, key: str) -> tuple[Version, Attributes] | None:
        """Ask for an object's version and attributes; None if there is none."""
        result = await self._get(key, head=True)
        return None if result is None else (_version(result.meta), result.attributes)

    async def _get(self, key: str, *, head: bool) -> GetResult | None:
        import obstore

        with explained(self.source):
            try:
                async with asyncio.timeout(self.source.timeout):
                    return await obstore.get_async(self._client, key, options={"head": head})
            except FileNotFoundError:
                return None

    async def put(
        self, key: str, file: int, *, replaces: str | None, attributes: Attributes
    ) -> str | None:
        """Write an object if it is still what it was.

        Args:
            key: Its name.
            file: A descriptor of its content, which nobody else writes.
            replaces: The tag it has now; None if there is none of this name.
            attributes: Its content type and metadata.

        Returns:
            Its new tag; None if somebody else has written or removed it.
        """
        import obstore
        from obstore import exceptions

        size = os.fstat(file).st_size
        # Mapped, as a conditional put takes its body in one piece: it stays out of our memory.
        body = mmap.mmap(file, 0, access=mmap.ACCESS_READ) if size else b""
        mode: PutMode = "create" if replaces is None else {"e_tag": replaces}
        with explained(self.source):
            try:
                async with asyncio.timeout(self.source.timeout + size / _SLOWEST):
                    result = await obstore.put_async(
                        self._client,
                        key,
                        body,
                        mode=mode,
                        attributes=attributes,
                        use_multipart=False,
                    )
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
                return None
        return result["e_tag"]

    async def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        import obstore

        with explained(self.source):
            async with asyncio.timeout(self.source.timeout):
                await obstore.delete_async(self._client, key)


class Download:
    """An object that is being read.

    Attributes:
        version: What is read.
        executable: Whether it was a program when a machine wrote it.
    """

    def __init__(self, source: ObjectSource, result: GetResult) -> None:
        self._source, self._result = source, result
        self.version = _version(result.meta)
        self.executable = is_executable(result.attributes)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read its content in pieces, each in time.

        Raises:
            ObjectStoreError: It did not arrive, or not all of it.
        """
        arrived = 0
        stream = self._result.stream(min_chunk_size=_CHUNK).__aiter__()
        while True:
            with explained(self._source):
                try:
                    async with asyncio.timeout(self._source.timeout):
                        chunk = await anext(stream)
                except StopAsyncIteration:
                    break
            arrived += len(chunk)
            yield bytes(chunk)
        if arrived != self.version.size:
            raise ObjectStoreError(
                f"{self._source.url}: of {self.version.key!r} came {arrived} bytes instead of "
                f"{self.version.size}",
                retryable=True,
            )


def is_executable(attributes: Mapping[str, str]) -> bool:
    """Tell whether an object was a program when a machine wrote it."""
    return attributes.get(_EXECUTABLE) == "1"


def with_executable(attributes: Mapping[str, str], executable: bool) -> dict[str, str]:
    """Return attributes that say whether the object is a program."""
    others = {name: value for name, value in attributes.items() if name != _EXECUTABLE}
    return {**others, _EXECUTABLE: "1"} if executable else others


def _version(meta: ObjectMeta) -> Version:
    modified = int(meta["last_modified"].timestamp()) * 10**9
    return Version(meta["path"], meta["e_tag"] or "", meta["size"], modified)


def _client(source: ObjectSource) -> S3Store:
    try:
        from obstore.store import S3Store
    except ImportError as error:
        raise MachineError(
            f"cannot mount {source.url}: the package obstore is not installed",
            code="obstore_missing",
            hint="pip install 'agentos-vm[s3]'",
        ) from error
    http = (source.endpoint or "").startswith("http://")
    settings: dict[str, Any] = credentials_of(source)
    if source.endpoint:
        settings["endpoint"] = source.endpoint
    if source.region:
        settings["region"] = source.region
    return S3Store(
        source.bucket,
        client_options={
            "allow_http": http,
            "connect_timeout": timedelta(seconds=min(source.timeout, 10)),
            "timeout": timedelta(days=1),  # each step has one of its own
        },
        retry_config={
            "max_retries": _RETRIES,
            "retry_timeout": timedelta(seconds=source.timeout),
            "backoff": {"max_backoff": timedelta(seconds=1)},
        },
        **settings,
    )
