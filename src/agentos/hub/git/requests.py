"""The inbox of pushes that wait for a person."""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agentos.config import state_dir
from agentos.errors import GitError

VALID_FOR = timedelta(hours=24)
WAITING, APPROVED, REJECTED, USED = "waiting", "approved", "rejected", "used"
_ID = re.compile(r"[a-f0-9]{8}")


@dataclass(frozen=True)
class PushRequest:
    """A push that a person is asked about; what is approved is exactly this.

    Attributes:
        id: What `agentos git approve` takes.
        repository: The work tree.
        remote, url: Where it goes; a password in the URL is not kept.
        target: The branch there.
        commit: The id of the commit that the branch gets.
        commits: What is new there, a line each, the newest first.
        asked: When, as ISO 8601.
        state: `waiting`, `approved`, `rejected` or `used`.
    """

    id: str
    repository: str
    remote: str
    url: str
    target: str
    commit: str
    commits: tuple[str, ...]
    asked: str
    state: str = WAITING

    @property
    def subject(self) -> tuple[str, ...]:
        """What two requests have in common if they ask for the same."""
        return (self.repository, self.remote, self.url, self.target, self.commit)

    @property
    def is_over(self) -> bool:
        """Whether it was used, or is too old to be."""
        asked = datetime.fromisoformat(self.asked)
        return self.state == USED or datetime.now(UTC) - asked > VALID_FOR


class PushRequests:
    """The requests, a file each, changed as a whole.

    Args:
        directory: Where they are; by default in the state directory.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or state_dir() / "push-requests"

    def ask(self, wanted: PushRequest) -> PushRequest:
        """Put a request into the inbox, or return the one that asks for the same already."""
        for request in self.all():
            if request.subject == wanted.subject and not request.is_over:
                return request
        self._write(wanted)
        return wanted

    def all(self) -> list[PushRequest]:
        """Return the requests, the latest first."""
        if not self._directory.is_dir():
            return []
        read = [self._read(file) for file in self._directory.glob("*.json")]
        return sorted((each for each in read if each), key=lambda each: each.asked, reverse=True)

    def get(self, id: str) -> PushRequest:
        """Return a request.

        Raises:
            GitError: There is none of that id.
        """
        found = self._read(self._file(id)) if _ID.fullmatch(id) else None
        if found is None:
            raise GitError(
                f"there is no push request {id!r}",
                code="push_request_not_found",
                hint="agentos git requests lists them",
            )
        return found

    def decide(self, id: str, approved: bool) -> PushRequest:
        """Approve or reject a request that waits.

        Raises:
            GitError: There is none of that id, or it does not wait any more.
        """
        request = self.get(id)
        if request.state != WAITING or request.is_over:
            state = "out of date" if request.is_over and request.state != USED else request.state
            raise GitError(f"the push request {id} is {state}", code="push_request_decided")
        decided = replace(request, state=APPROVED if approved else REJECTED)
        self._write(decided)
        return decided

    def use(self, request: PushRequest) -> bool:
        """Take an approval, which serves one push; false if another took it first."""
        taken = self._file(request.id).with_suffix(".used")
        try:
            os.link(self._file(request.id), taken)
        except FileExistsError:
            return False
        self._write(replace(request, state=USED))
        return True

    def _write(self, request: PushRequest) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._file(request.id)
        draft = file.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}")
        with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            json.dump(asdict(request), out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)

    def _read(self, file: Path) -> PushRequest | None:
        try:
            data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return PushRequest(**{**data, "commits": tuple(data["commits"])})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError):
            raise GitError(f"{file} is no push request", hint="remove that file") from None

    def _file(self, id: str) -> Path:
        return self._directory / f"{id}.json"


def new_request(**about: Any) -> PushRequest:
    """Return a request with an id and the time of now."""
    return PushRequest(
        id=secrets.token_hex(4), asked=datetime.now(UTC).isoformat(timespec="seconds"), **about
    )
