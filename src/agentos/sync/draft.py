"""A file on its way from what it is to what it will be."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentos.errors import SyncError
from agentos.sync.desired import KeyPath, OwnedFile, OwnedKeys, OwnedSection
from agentos.sync.formats import Language, Malformed, language
from agentos.sync.formats.section import find, normal, put, remove
from agentos.sync.merge import Known, Merged, merge
from agentos.sync.plan import Action, Change, Choices, Conflict, Edit
from agentos.sync.state import Record
from agentos.sync.target import FileState, digest
from agentos.sync.text import Text
from agentos.sync.values import ABSENT, dotted, drop, look_up, same
from agentos.sync.values import put as put_value

_WHOLE_FILE: KeyPath = ()  # among the tables that we made: the file itself


@dataclass
class Draft:
    """One file, edited in memory by one client after the other.

    Attributes:
        path: The file.
        before: What it is.
        choices: What the user chose.
    """

    path: Path
    before: FileState | None
    choices: Choices

    def __post_init__(self) -> None:
        self.content = None if self.before is None else self.before.content
        self._mode = 0o644
        self.changes: list[Change] = []
        self.conflicts: list[Conflict] = []

    @property
    def edit(self) -> Edit | None:
        """What becomes of the file; None if it stays as it is."""
        if self.content == (None if self.before is None else self.before.content):
            return None
        if self.content is None:
            return Edit(self.path, self.before, None)
        if self.before is None:
            return Edit(self.path, None, FileState(self.content, self._mode))
        return Edit(self.path, self.before, replace(self.before, content=self.content))

    def own_whole(
        self, client: str, part: OwnedFile | None, record: Record, *, shared: bool = False
    ) -> Record:
        """Bring the whole file to what a client is to have."""
        ours: Any = ABSENT if part is None else digest(part.content)
        theirs: Any = ABSENT if self.content is None else digest(self.content)
        merged = self._merged(client, "", record.whole, ours, theirs, shared)
        if merged.write:
            self.content = None if part is None else part.content
            self._mode = 0o644 if part is None else part.mode
        return replace(record, whole=merged.known)

    def own_sections(
        self, client: str, parts: Iterable[OwnedSection], record: Record, shared: frozenset[str]
    ) -> Record:
        """Bring its managed sections to what a client is to have."""
        ours = {part.name: normal(part.text) or ABSENT for part in parts}
        known: dict[str, Known] = {}
        made = record.made
        for name in [*ours, *(name for name in record.sections if name not in ours)]:
            text = self._text()
            base, wanted = record.sections.get(name), ours.get(name, ABSENT)
            texts = [each for each in (base and base.value, wanted) if isinstance(each, str)]
            found = find(text.text, name, texts)
            theirs = found.inner or ABSENT if found else ABSENT
            merged = self._merged(client, name, base, wanted, theirs, name in shared)
            if merged.write and isinstance(wanted, str):
                made = made if self.content is not None else made | {_WHOLE_FILE}
                new = put(text.text, name, wanted, found, text.newline)
                self.content = text.encode(new)
            elif merged.write and found:
                self._leave(text, remove(text.text, found), made)
            if merged.known:
                known[name] = merged.known
        return replace(record, sections=known, made=made)

    def own_keys(
        self, client: str, parts: list[OwnedKeys], record: Record, shared: frozenset[KeyPath]
    ) -> Record:
        """Bring its keys to what a client is to have."""
        format_ = parts[0].format if parts else record.format
        marked = any(part.marked for part in parts) if parts else record.marked
        self._mode = min((part.mode for part in parts), default=self._mode)
        ours = {key: value for part in parts for key, value in part.values.items()}
        for key in ours:
            if any(key[:depth] in ours for depth in range(len(key))):
                raise self._not_editable(f"{dotted(key)} is to be there, and a table above it not")
        text = self._text()
        keys = _Keys(language(format_), self._read(language(format_), text.text), text, record.made)
        known: dict[KeyPath, Known] = {}
        for key in [*ours, *(key for key in record.keys if key not in ours)]:
            base, wanted = record.keys.get(key), ours.get(key, ABSENT)
            theirs = look_up(keys.was, key)
            name = dotted(key)
            merged = self._merged(client, name, base, wanted, theirs, key in shared)
            if merged.write:
                keys.edit(key, wanted)
            if merged.known:
                known[key] = merged.known
        made = keys.made if self.content is not None else keys.made | {_WHOLE_FILE}
        if keys.changed:
            held = {key for key, each in known.items() if not each.yielded}
            try:
                new = keys.finished(held, marked=marked and format_ == "toml")
                self._leave(text, new, made)
            except ValueError as error:  # TOML has no null, and UTF-8 no half of a character
                raise self._not_editable(str(error)) from error
            if not same(self._read(keys.language, new), keys.tree):
                raise self._not_editable("its keys cannot be changed without changing others")
        made = frozenset(each for each in made if isinstance(look_up(keys.tree, each), dict))
        return replace(record, format=format_, marked=marked, keys=known, made=made)

    def _merged(
        self, client: str, name: str, base: Known | None, ours: Any, theirs: Any, shared: bool
    ) -> Merged:
        if self.choices.leaves(self.path, name):
            return Merged(base)
        if shared and ours is ABSENT:
            return Merged(None)  # another client still has it
        choice, restore = self.choices.of(self.path, name), self.choices.restores(self.path, name)
        merged = merge(base, ours, theirs, choice=choice, restore=restore)
        if merged.conflict and merged.moved:
            self.conflicts.append(Conflict(client, self.path, name, merged.moved, ours, theirs))
        elif merged.moved:
            action: Action = _action(ours, theirs) if merged.write else "keep"
            after = ours if merged.write else theirs
            change = Change(client, self.path, name, action, merged.moved, theirs, after)
            self.changes.append(change)
        return merged

    def _not_editable(self, why: str) -> SyncError:
        return SyncError(f"{self.path}: {why}", code="not_editable", path=str(self.path))

    def _text(self) -> Text:
        try:
            return Text.decode(self.content or b"")
        except Malformed as error:
            raise _malformed(self.path, error) from error

    def _read(self, language: Language, text: str) -> dict[str, Any]:
        try:
            return language.read(text)
        except Malformed as error:
            raise _malformed(self.path, error) from error

    def _leave(self, text: Text, new: str, made: frozenset[KeyPath]) -> None:
        """Set the text; of a file that we made, nothing is left when nothing is in it."""
        is_empty = new.strip() in ("", "{}")
        self.content = None if is_empty and _WHOLE_FILE in made else text.encode(new)


class _Keys:
    """The keys of a file while they are edited: its text, and what the text is to mean."""

    def __init__(
        self, language: Language, tree: dict[str, Any], text: Text, made: frozenset[KeyPath]
    ) -> None:
        self.language = language
        self.was = tree
        self.tree = copy.deepcopy(tree)
        self.made = made
        self._edits: list[tuple[KeyPath, Any]] = []
        self._newline = text.newline
        self._text = text.text

    @property
    def changed(self) -> bool:
        return bool(self._edits)

    def edit(self, key: KeyPath, value: Any) -> None:
        """Set a key, with the tables above it, or remove it with those we made for it."""
        if value is not ABSENT:
            above = (key[:depth] for depth in range(1, len(key)))
            self.made |= {table for table in above if look_up(self.tree, table) is ABSENT}
            put_value(self.tree, key, value)
            self._edits.append((key, value))
            return
        while True:
            drop(self.tree, key)
            self._edits.append((key, ABSENT))
            key = key[:-1]
            if not key or key not in self.made or look_up(self.tree, key) != {}:
                return

    def finished(self, held: set[KeyPath], *, marked: bool) -> str:
        """Return the text with all edits made."""
        text = self._text
        if marked:
            from agentos.sync.formats.toml_markers import with_markers, without_markers

            text = without_markers(text)
        for key, value in self._edits:
            if value is ABSENT:
                text = self.language.remove_key(text, key)
            else:
                text = self.language.set_key(text, key, value, self._newline)
        if not marked:
            return text
        tables = {table for table in self.made if any(key[: len(table)] == table for key in held)}
        return with_markers(text, held | tables, self._newline)


def _action(ours: Any, theirs: Any) -> Action:
    if ours is ABSENT:
        return "remove"
    return "add" if theirs is ABSENT else "change"


def _malformed(path: Path, error: Malformed) -> SyncError:
    return SyncError(
        f"{path}:{error.line}: {error}",
        code="malformed",
        path=str(path),
        line=error.line,
        hint="nothing was changed; put it right, and sync again",
    )
