"""Session keys: what an agent in a machine shows instead of a provider's key.

A key is good for one machine, until its session ends. Of a key only a hash is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from agentos.models.budgets import Budget, Payer

_PREFIX = "agentos"
#: How long a key is good if nobody revokes it, in seconds.
LIFETIME = 24 * 3600.0


@dataclass(frozen=True)
class Binding:
    """What a key stands for.

    Args:
        route: Where its calls go: `provider/model`, a provider, or an alias.
        session: The session's id, once it is known.
        profile: What its calls are booked under.
        budget: A budget of the session's own.
    """

    route: str
    session: str = ""
    profile: str = ""
    budget: Budget | None = None


class KeyRefused(Exception):
    """A key that opens nothing; `known` is its id if there is such a key."""

    def __init__(self, reason: str, known: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.known = known


@dataclass
class SessionKey:
    """A key that was handed out.

    Attributes:
        id: Its name, which is no secret.
        machine: The machine that it is good for.
        digest: A hash of its secret.
        expires: When it ends at the latest, on the wall clock.
        binding: What it stands for, once that is known.
    """

    id: str
    machine: str
    digest: str = field(repr=False)
    expires: float
    binding: Binding | None = None

    @property
    def payer(self) -> Payer:
        """Whose budgets its calls count towards."""
        binding = self.binding
        return Payer(self.id, binding.profile, binding.budget) if binding else Payer(self.id)


class SessionKeys:
    """Hand out keys, know them again, and take them back.

    Args:
        state: A directory in which they outlive the gateway, as hashes; None keeps them in
            memory only.
        clock: The wall clock, in seconds; read when a key is made or found on disk, so that
            a clock that jumps ends no session.
        uptime: Seconds that never jump.
    """

    def __init__(
        self,
        state: Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
        uptime: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._clock = clock
        self._uptime = uptime
        self._keys: dict[str, SessionKey] = {}
        self._until: dict[str, float] = {}
        if state is not None:
            state.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in state.glob("*.json"):
                self._load(path)

    def __iter__(self) -> Iterator[SessionKey]:
        return iter(tuple(self._keys.values()))

    def mint(self, machine: str) -> str:
        """Make a key for a machine; bind it before its first call.

        It can be given to an agent before anything is known of its session.

        Args:
            machine: The machine's id.

        Returns:
            The key; it cannot be had again.
        """
        id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        key = SessionKey(id, machine, _digest(secret), self._clock() + LIFETIME)
        self._put(key, LIFETIME)
        return f"{_PREFIX}-{id}-{secret}"

    def bind(self, key: str, binding: Binding) -> None:
        """Say what a key stands for; again to say it anew.

        Raises:
            KeyError: It was revoked, or never made.
        """
        known = self._keys[key_id(key)]
        known.binding = binding
        self._save(known)

    def revoke(self, key: str) -> None:
        """End a key; safe to repeat."""
        id = key_id(key)
        self._keys.pop(id, None)
        self._until.pop(id, None)
        if self._state is not None:
            (self._state / f"{id}.json").unlink(missing_ok=True)

    def check(self, shown: str, machine: str) -> SessionKey:
        """Know a key again.

        Args:
            shown: What a client shows.
            machine: The machine that it calls from.

        Raises:
            KeyRefused: It opens nothing here.
        """
        _, _, rest = shown.partition("-")
        id, _, secret = rest.partition("-")
        key = self._keys.get(id)
        # Without a key there is something to compare all the same: time tells nothing.
        expected = key.digest if key else _digest("")
        same = hmac.compare_digest(expected, _digest(secret))
        if key is None or not same:
            raise KeyRefused("the session key is not known, or its session has ended")
        if key.machine != machine:
            raise KeyRefused("the session key belongs to another machine", key.id)
        if self._uptime() >= self._until[id] or not self._still_there(id):
            self.revoke(shown)
            raise KeyRefused("the session key has expired", key.id)
        return key

    def _still_there(self, id: str) -> bool:
        """Whether nobody else has revoked it: the session's owner may know an earlier gateway."""
        return self._state is None or (self._state / f"{id}.json").exists()

    def _put(self, key: SessionKey, lifetime: float) -> None:
        self._keys[key.id] = key
        self._until[key.id] = self._uptime() + lifetime
        self._save(key)

    def _save(self, key: SessionKey) -> None:
        if self._state is None:
            return
        path = self._state / f"{key.id}.json"
        temporary = path.with_suffix(".tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(key), file)
        temporary.replace(path)

    def _load(self, path: Path) -> None:
        try:
            said = json.loads(path.read_text())
            bound = said.pop("binding")
            if bound is not None:
                budget = bound.pop("budget")
                bound = Binding(**bound, budget=None if budget is None else Budget(**budget))
            key = SessionKey(**said, binding=bound)
        except (ValueError, TypeError, KeyError):
            path.unlink(missing_ok=True)  # half written, or of another version: it opens nothing
            return
        left = min(key.expires - self._clock(), LIFETIME)
        if left > 0:
            self._keys[key.id] = key
            self._until[key.id] = self._uptime() + left
        else:
            path.unlink(missing_ok=True)


def key_id(key: str) -> str:
    """Return the part of a key that is no secret."""
    return key.split("-", 2)[1]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
