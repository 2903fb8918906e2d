"""Where sync keeps its own files: what it remembers, the journal, the backups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentos.errors import SyncError
from agentos.home.replacing import replace_file, sync_directory
from agentos.sync.journal import Journal, clear_away, settled
from agentos.sync.state import State, decode, encode
from agentos.sync.target import Reader, Target

if TYPE_CHECKING:
    from agentos.sync.backup import Backup, BackupHead

_MOST_BACKUPS = 50


@dataclass(frozen=True)
class Store:
    """The directory of sync's own files, which are for their user's eyes alone.

    Attributes:
        directory: `state_dir() / "sync"`; of a machine, one of its own.
    """

    directory: Path

    @property
    def lock(self) -> Path:
        """The file that keeps two syncs apart."""
        return self.directory / "lock"

    @property
    def files(self) -> tuple[Path, Path]:
        """The files that say what was applied, and what is being applied."""
        return self._file, self._pending

    def load(self, files: Reader) -> State:
        """Read what is remembered; an interrupted apply is made sense of, but left as it is."""
        state = self._state()
        journal = self._journal()
        return settled(journal, state, files) if journal else state

    def recover(self, files: Target) -> bool:
        """Settle an interrupted apply, if there was one. The caller holds the lock."""
        journal = self._journal()
        if journal is None:
            return False
        state = settled(journal, self._state(), files)
        changed = (*journal.directories, *journal.digests)
        files.settle(path for path in changed if files.directory_mode(path.parent) is not None)
        clear_away(journal, files)
        self.save(state)
        self.end()
        return True

    def begin(self, backup: Backup | None, journal: Journal) -> None:
        """Keep what an apply is about to change, and say what it does."""
        if backup:
            self._backups.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._backup(backup.number), backup.encode(), mode=0o600)
        replace_file(self._pending, journal.encode(), mode=0o600)

    def end(self) -> None:
        """Forget the journal: what it says is done, or taken back."""
        self._pending.unlink()
        sync_directory(self.directory)

    def save(self, state: State) -> None:
        """Remember a state; backups that are undone, or too old, go."""
        replace_file(self._file, encode(state), mode=0o600)
        for number in self._numbers():
            if number > state.last or number <= state.last - _MOST_BACKUPS:
                self._backup(number).unlink(missing_ok=True)

    def backups(self, state: State) -> list[int]:
        """The numbers of the backups that can be undone, oldest first."""
        return [number for number in self._numbers() if number <= state.last]

    def backup(self, number: int) -> Backup:
        """Read a backup.

        Raises:
            SyncError: There is none of that number, or it is damaged.
        """
        from agentos.sync.backup import Backup

        path = self._backup(number)
        try:
            return Backup.decode(path.read_bytes(), path)
        except FileNotFoundError as error:
            message = f"there is no backup {number}"
            hint = "`agentos sync status` lists them"
            raise SyncError(message, code="no_backup", path=str(path), hint=hint) from error

    def heads(self, state: State) -> Iterator[BackupHead]:
        """Yield what the backups are that can be undone, newest first.

        Raises:
            SyncError: One of them is damaged.
        """
        from agentos.sync.backup import BackupHead

        for number in reversed(self.backups(state)):
            try:
                head = BackupHead.read(self._backup(number))
            except FileNotFoundError:
                continue  # another sync has just undone it, or has newer ones
            yield head

    def _state(self) -> State:
        try:
            return decode(self._file.read_bytes(), self._file)
        except FileNotFoundError:
            return State()

    def _journal(self) -> Journal | None:
        try:
            return Journal.decode(self._pending.read_bytes())
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            message = f"{self._pending}: the journal of a sync cannot be read: {error!r}"
            hint = "look at the clients' files, and move it away"
            path = str(self._pending)
            raise SyncError(message, code="journal_unreadable", path=path, hint=hint) from error

    def _numbers(self) -> list[int]:
        names = [each.stem for each in self._backups.glob("*.zip")]
        return sorted(int(name) for name in names if name.isdigit())

    def _backup(self, number: int) -> Path:
        return self._backups / f"{number:06}.zip"

    @property
    def _backups(self) -> Path:
        return self.directory / "backups"

    @property
    def _file(self) -> Path:
        return self.directory / "state.json"

    @property
    def _pending(self) -> Path:
        return self.directory / "pending.json"
