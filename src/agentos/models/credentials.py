"""Where a provider's key comes from: never from a file of ours, and never into one."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agentos.errors import AuthenticationRequired

_COMMAND_TIMEOUT = 30.0
_KEPT_SECONDS = 300.0


class KeySource(Protocol):
    """Gives the key of a provider when it is needed."""

    async def read(self) -> str:
        """Return the key.

        Raises:
            AuthenticationRequired: There is none; the message says where it was looked for.
        """

    def forget(self) -> None:
        """Look again next time: the provider has refused what was found."""


@dataclass(frozen=True)
class GivenKey:
    """A key that the program holds already."""

    key: str = field(repr=False)

    async def read(self) -> str:
        return self.key

    def forget(self) -> None:
        pass


@dataclass(frozen=True)
class EnvKey:
    """A variable of the host's environment, read at each call."""

    variable: str

    async def read(self) -> str:
        key = os.environ.get(self.variable, "").strip()
        if not key:
            raise AuthenticationRequired(
                f"the variable {self.variable} with the key is not set on the host",
                hint=f"export {self.variable}=...; a hub has the variables that `agentos up` had",
            )
        return key

    def forget(self) -> None:
        pass


@dataclass
class CommandKey:
    """What a command prints, kept in memory for five minutes."""

    command: Sequence[str]
    _found: str = field(default="", repr=False, compare=False)
    _until: float = field(default=0.0, repr=False, compare=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False, compare=False)

    async def read(self) -> str:
        async with self._reading:
            if not self._found or time.monotonic() >= self._until:
                self._found = await self._run()
                self._until = time.monotonic() + _KEPT_SECONDS
            return self._found

    def forget(self) -> None:
        self._found = ""

    async def _run(self) -> str:
        shown = " ".join(self.command)
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command, stdin=nothing, stdout=pipe, stderr=pipe
            )
        except OSError as error:
            raise _no_key(shown, error.strerror or str(error)) from error
        try:
            async with asyncio.timeout(_COMMAND_TIMEOUT):
                out, err = await process.communicate()
        except TimeoutError:
            raise _no_key(shown, f"took longer than {_COMMAND_TIMEOUT:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        key = out.decode(errors="replace").strip()
        if process.returncode or not key:
            said = err.decode(errors="replace").strip()[-300:]
            raise _no_key(shown, said or f"exit code {process.returncode} and no output")
        return key


@dataclass
class KeyringKey:
    """An entry of the user's keyring, by service and user name."""

    service: str
    user: str
    _found: str = field(default="", repr=False, compare=False)

    async def read(self) -> str:
        if not self._found:
            self._found = await asyncio.to_thread(self._look)
        return self._found

    def forget(self) -> None:
        self._found = ""

    def _look(self) -> str:
        where = f"{self.service}/{self.user}"
        try:
            import keyring
            from keyring.errors import KeyringError
        except ImportError as error:
            raise AuthenticationRequired(
                f"the key is to come from the keyring ({where}), which needs a package",
                hint="pip install 'agentos-vm[keyring]'",
            ) from error
        try:
            found = keyring.get_password(self.service, self.user)
        except KeyringError as error:
            raise AuthenticationRequired(f"the keyring did not open: {error}") from error
        if not found:
            raise AuthenticationRequired(
                f"the keyring has no entry {where}",
                hint=f"keyring set {self.service} {self.user}",
            )
        return found


def _no_key(command: str, reason: str) -> AuthenticationRequired:
    return AuthenticationRequired(
        f"the command for the key, `{command}`, gave none: {reason}",
        hint="run it yourself: it must print the key and nothing else",
    )
