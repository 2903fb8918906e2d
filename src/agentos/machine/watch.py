"""Watch the files of a machine, as its own kernel reports them."""

from __future__ import annotations

import asyncio
import errno
import os
from collections import deque
from typing import TYPE_CHECKING, Self

from agentos.machine.files import Path
from agentos.machine.inotify import Event, Mask, queued, read_events
from agentos.machine.protocol import Op, Reply
from agentos.machine.readiness import Descriptor
from agentos.machine.watched_tree import Entrance, FileChange, WatchedTree

if TYPE_CHECKING:
    from agentos.machine.files import FileVerbs

_ENTRIES = Mask.CREATE | Mask.DELETE | Mask.MODIFY | Mask.ATTRIB | Mask.MOVED_FROM | Mask.MOVED_TO
_ITSELF = Mask.DELETE_SELF | Mask.MOVE_SELF
_WANTED = int(_ENTRIES | _ITSELF | Mask.ONLY_DIRECTORY | Mask.EXCLUDE_UNLINKED)
#: A directory that is gone again, or not ours to look into, has nothing to report.
_PASSED_OVER = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES)
_USED_UP = {
    errno.EMFILE: "fs.inotify.max_user_instances is used up",
    errno.ENOSPC: "fs.inotify.max_user_watches is used up",
}


class Watch:
    """Changes below a path of a machine, as an asynchronous iterator.

    What happens before its first step is not reported; with `async with`, whatever happens
    from the beginning of the block on is. It ends when what it watches is deleted, moved or
    unmounted, and when it is closed.

    Example:
        ```python
        async with vm.watch("src") as changes:
            async for change in changes:
                print(change.kind, change.path)
        ```
    """

    _feed: Descriptor | None = None

    def __init__(self, files: FileVerbs, path: Path, *, recursive: bool) -> None:
        self._files = files
        self._channel = files.channel
        self._path = os.path.normpath(os.path.join(self._channel.places["HOME"], os.fsdecode(path)))
        self._recursive = recursive
        self._closing = False
        self._busy = asyncio.Lock()
        self._events: deque[Event] = deque()
        self._bytes_read = 0

    async def start(self) -> None:
        """Begin to watch; `async with` and the first step do it too.

        Raises:
            FileNotFoundError: There is nothing at this path.
            OSError: The machine's user has used up its watches.
        """
        async with self._busy:
            await self._start()

    async def _start(self) -> None:
        if self._feed is None:
            is_dir = (await self._files.stat(self._path)).is_dir
            only = None if is_dir else os.path.basename(self._path)
            self._tree = WatchedTree(self._path, only, self._recursive)
            reply = await self._channel.send(Op.WATCH_OPEN, [])
            _check(reply, self._path)
            self._feed = Descriptor(reply.fd)
            self._channel.discarded.add(self._feed)
        await self._settle()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FileChange:
        """Wait for the next change.

        Raises:
            MachineError: The machine has ended.
        """
        async with self._busy:
            if not self._closing:
                await self._start()
            while not self._closing and not self._tree.changes:
                if self._tree.over:
                    self._close()
                elif self._tree.left or self._tree.entrances:
                    await self._settle()
                else:
                    await self._go_on()
            if self._closing:
                raise StopAsyncIteration
            return self._tree.changes.popleft()

    async def aclose(self) -> None:
        """Stop watching; whoever waits for a change sees the end of the iteration."""
        self._closing = True
        if self._feed is not None:
            self._feed.wake()
        async with self._busy:
            self._close()

    def _close(self) -> None:
        self._closing = True
        if self._feed is not None:
            self._channel.discarded.discard(self._feed)
            self._feed.close()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if self._feed is not None:
            self._close()

    # ---- directories: a step that was cancelled is taken again ----

    async def _settle(self) -> None:
        """Watch what is new, and no longer what has left."""
        tree = self._tree
        while tree.left or tree.entrances:
            if tree.left:
                numbers = (tree.left[0], 0, 0, 0)
                await self._channel.send(Op.WATCH_REMOVE, [], numbers, [self._inotify])
                tree.left.popleft()
            else:
                await self._enter(tree.entrances[0])
                tree.entrances.popleft()

    async def _enter(self, entrance: Entrance) -> None:
        path, is_top = entrance.directory.path, entrance.directory.parent is None
        numbers = (_WANTED, 0 if is_top else os.O_NOFOLLOW, 0, 0)
        texts = [os.fsencode(path)]
        reply = await self._channel.send(Op.WATCH_ADD, texts, numbers, [self._inotify])
        if reply.error in _PASSED_OVER and not is_top:
            self._tree.miss(entrance.directory)
            return
        _check(reply, path)
        try:
            found = self._bytes_read + queued(self._inotify)
            directory = self._tree.place(reply.a, entrance.directory, found)
            if self._tree.recursive and not directory.entered:
                directories, files = _names_in(reply.fd)
                self._tree.descend(directory, directories, new=entrance.new)
                if entrance.new:
                    until = self._bytes_read + queued(self._inotify)
                    self._tree.discover(directory, directories + files, until)
            directory.entered = True
        finally:
            os.close(reply.fd)

    # ---- events ----

    @property
    def _inotify(self) -> int:
        assert self._feed is not None
        if self._feed.fd < 0 and self._channel.lost:
            raise self._channel.lost
        return self._feed.fd

    async def _go_on(self) -> None:
        """Handle the next event; wait for it if there is none."""
        if self._events or self._read():
            self._tree.handle(self._events.popleft(), self._arrives)
        elif self._feed is not None:
            await self._feed.ready()

    def _read(self) -> bool:
        try:
            events = read_events(self._inotify)
        except BlockingIOError:
            return False
        self._bytes_read += sum(event.size for event in events)
        self._events.extend(events)
        return True

    def _arrives(self, cookie: int) -> bool:
        """Whether a move that left one watched directory enters another."""
        return self._holds(cookie) or (self._read() and self._holds(cookie))

    def _holds(self, cookie: int) -> bool:
        return any(e.cookie == cookie and e.mask & Mask.MOVED_TO for e in self._events)


def _check(reply: Reply, path: str) -> None:
    if reply.error:
        reason = _USED_UP.get(reply.error) or os.strerror(reply.error)
        raise OSError(reply.error, reason, path)


def _names_in(directory: int) -> tuple[list[str], list[str]]:
    """The directories in an open directory, and everything else."""
    with os.scandir(directory) as entries:
        kinds = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
    return [n for n, is_dir in kinds.items() if is_dir], [n for n, d in kinds.items() if not d]
