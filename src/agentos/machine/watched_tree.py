"""What is known of a tree that is watched, and what its events mean."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from agentos.machine.inotify import Event, Mask

ChangeKind = Literal["created", "modified", "deleted", "moved", "overflow"]


@dataclass(frozen=True, slots=True)
class FileChange:
    """What happened to a file or directory.

    Attributes:
        kind: `"created"`, `"modified"` (content or status), `"deleted"`, `"moved"`, or
            `"overflow"`: more happened than could be followed, so look below `path` yourself.
        path: Its path in the machine, after a move the new one.
        old_path: Its path before a move, else None.
    """

    kind: ChangeKind
    path: str
    old_path: str | None = None


@dataclass(slots=True, eq=False)
class Directory:
    """A watched directory, by its place: so what is below a moved one moves with it.

    Attributes:
        parent: The directory it is in, or None for the top.
        name: Its name there; the path of the top.
        watch: The number of its watch.
        found: The byte of the queue at which it was found in its place.
        children: Those in it that are watched.
        entered: Whether somebody looked into it since it is watched.
        seen: Names that were reported by looking, and whose own events may follow.
        until: The byte of the queue after which events are news.
        missed: Names of directories that were gone when they were to be watched. Perhaps only
            from where we thought them, because a directory above has moved.
    """

    parent: Directory | None
    name: str
    watch: int = -1
    found: int = 0
    children: dict[str, Directory] = field(default_factory=dict)
    entered: bool = False
    seen: set[str] = field(default_factory=set)
    until: int = 0
    missed: set[str] = field(default_factory=set)

    @property
    def path(self) -> str:
        """Where it is."""
        return self.name if self.parent is None else os.path.join(self.parent.path, self.name)

    def all(self) -> Iterator[Directory]:
        """Go through it and those below."""
        yield self
        for child in list(self.children.values()):
            yield from child.all()

    def move(self, parent: Directory | None, name: str) -> None:
        """Put it elsewhere."""
        self.take_out()
        self.parent, self.name = parent, name
        if parent is not None:
            parent.children[name] = self

    def take_out(self) -> None:
        """Take it from its place, unless that is another's by now."""
        if self.parent is not None and self.parent.children.get(self.name) is self:
            del self.parent.children[self.name]


@dataclass(frozen=True, slots=True)
class Entrance:
    """A directory to be watched; what is in it is new if it is."""

    directory: Directory
    new: bool


class WatchedTree:
    """The directories below a path by watch, and the changes that events tell of.

    Args:
        root: What is watched.
        only: The one name of its directory that counts, when `root` is a file.
        recursive: Whether directories below count.
    """

    def __init__(self, root: str, only: str | None, recursive: bool) -> None:
        self.root = root
        self.top = root if only is None else os.path.dirname(root)
        self.changes: deque[FileChange] = deque()
        self.entrances = deque([self._entrance_to_top()])
        self.left: deque[int] = deque()
        self.over = False
        self.recursive = recursive and only is None
        self._only = only
        self._directories: dict[int, Directory] = {}
        self._moves: dict[int, tuple[Directory, str]] = {}
        self._handled = 0

    def _entrance_to_top(self) -> Entrance:
        return Entrance(Directory(None, self.top), new=False)

    def place(self, watch: int, directory: Directory, found: int) -> Directory:
        """Note where a watched directory is, and return what is known of it.

        What was believed of this place or this directory may turn out wrong: the events that
        tell why are still to come, and the order of what happened is lost.
        """
        known = self._directories.setdefault(watch, directory)
        known.watch, known.found = watch, found
        parent, name = directory.parent, directory.name
        moved = (known.parent, known.name) != (parent, name)
        former = None if parent is None else parent.children.get(name)
        if moved:
            self._report("overflow", known.path)
        known.move(parent, name)
        if former is not None and former is not known:
            self._forget(former)
        if moved or former not in (None, known):
            self._report("overflow", known.path)
        return known

    def miss(self, directory: Directory) -> None:
        """Note a directory that was not found."""
        if directory.parent is not None:
            directory.parent.missed.add(directory.name)

    def descend(self, directory: Directory, names: list[str], *, new: bool) -> None:
        """Note the directories in a directory: they are to be watched too."""
        self.entrances.extend(Entrance(Directory(directory, name), new) for name in names)

    def discover(self, directory: Directory, names: list[str], until: int) -> None:
        """Report what is in a new directory; events up to a byte of the queue add nothing."""
        for name in names:
            self._report("created", os.path.join(directory.path, name))
        directory.seen = set(names)
        directory.until = until

    def handle(self, event: Event, arrives: Callable[[int], bool]) -> None:
        """Draw the conclusions of an event.

        Args:
            event: The oldest one that was not handled yet.
            arrives: Tells whether the second half of a move, by its cookie, is in the queue.
        """
        self._handled += event.size
        directory = self._directories.get(event.watch)
        if event.mask & Mask.OVERFLOW:
            self._look_again()
        elif event.mask & Mask.IGNORED:
            if directory is not None:
                directory.take_out()
                del self._directories[event.watch]
        elif directory is not None and not event.name:
            self._handle_own(directory, event.mask)
        elif directory is not None and self._only in (None, event.name):
            self._handle_entry(directory, event, arrives)

    def _look_again(self) -> None:
        """Directories may have come and gone unnoticed."""
        self._report("overflow", self.root)
        for directory in self._directories.values():
            directory.entered = False
        self.entrances.append(self._entrance_to_top())

    def _handle_own(self, directory: Directory, mask: Mask) -> None:
        """Of a directory below the top, its parent tells the same."""
        if directory.parent is not None:
            return
        if mask & (Mask.DELETE_SELF | Mask.UNMOUNT | Mask.MOVE_SELF):
            self.over = True
            self._report("deleted", self.root)
        elif self._only is None and mask & Mask.ATTRIB:
            self._report("modified", self.root)

    def _handle_entry(
        self, directory: Directory, event: Event, arrives: Callable[[int], bool]
    ) -> None:
        known = self._is_known(directory, event)
        if event.mask & (Mask.MODIFY | Mask.ATTRIB):
            self._report("modified", os.path.join(directory.path, event.name))
        elif event.mask & (Mask.DELETE | Mask.MOVED_FROM) and self._is_back(directory, event.name):
            return
        elif event.mask & Mask.MOVED_FROM and arrives(event.cookie):
            self._moves[event.cookie] = directory, event.name
        elif event.mask & (Mask.DELETE | Mask.MOVED_FROM):
            self._report("deleted", os.path.join(directory.path, event.name))
            self._leave(directory, event.name)
        elif event.mask & (Mask.CREATE | Mask.MOVED_TO):
            self._arrive(directory, event, known)

    def _is_known(self, directory: Directory, event: Event) -> bool:
        """Whether looking into the directory has shown what the event tells."""
        if self._handled > directory.until:
            directory.seen.clear()
        if event.mask & (Mask.MODIFY | Mask.ATTRIB):
            return False
        known = event.name in directory.seen
        directory.seen.discard(event.name)
        directory.missed.discard(event.name)
        return known

    def _is_back(self, parent: Directory, name: str) -> bool:
        """Whether a directory was found at a place after the event that is handled."""
        return name in parent.children and parent.children[name].found >= self._handled

    def _leave(self, parent: Directory, name: str) -> None:
        if name in parent.children:
            self._forget(parent.children[name])

    def _forget(self, top: Directory) -> None:
        top.take_out()
        for directory in top.all():
            if self._directories.pop(directory.watch, None) is not None:
                self.left.append(directory.watch)

    def _arrive(self, parent: Directory, event: Event, known: bool) -> None:
        path = os.path.join(parent.path, event.name)
        origin = self._moves.pop(event.cookie, None)
        if origin is not None:
            old_path = os.path.join(origin[0].path, origin[1])
            self._follow(origin, parent, event.name)
            if known:
                self._report("deleted", old_path)
            else:
                self._report("moved", path, old_path)
        elif not known:
            self._report("created", path)
        if self.recursive and event.mask & Mask.DIRECTORY:
            self.descend(parent, [event.name], new=True)

    def _follow(self, origin: tuple[Directory, str], parent: Directory, name: str) -> None:
        moved = origin[0].children.get(origin[1])
        if moved is None:
            return
        moved.move(parent, name)
        for directory in moved.all():
            self.descend(directory, sorted(directory.missed), new=True)
            directory.missed.clear()

    def _report(self, kind: ChangeKind, path: str, old_path: str | None = None) -> None:
        change = FileChange(kind, path, old_path)
        if not (kind == "modified" and self.changes and self.changes[-1] == change):
            self.changes.append(change)
