"""Install the hub as a service of the running system, remove it, and tell how it is."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agentos.config import state_dir, user_home
from agentos.errors import AgentOsError
from agentos.hub.service.texts import LABEL, NAME, launchd_plist, systemd_unit, windows_task

_PLACES = ("AGENTOS_HOME", "AGENTOS_DATA_DIR", "AGENTOS_STATE_DIR", "AGENTOS_STORE_URL")
_PATIENCE = 60.0


@dataclass(frozen=True)
class Service:
    """The hub, as one system's service manager knows it.

    Attributes:
        path: The file that tells the manager of it.
        text: What that says.
        encoding: How it is written.
        enable: Commands after the file is there: have it run now and at each login.
        disable: Commands before the file goes.
        query: The command that tells how it is; its exit code is 0 if it runs.
    """

    path: Path
    text: str
    enable: tuple[tuple[str, ...], ...]
    disable: tuple[tuple[str, ...], ...]
    query: tuple[str, ...]
    encoding: str = "utf-8"

    def install(self) -> None:
        """Write the file and have the manager run it.

        Raises:
            AgentOsError: The manager is not there, or refuses; the file is written all the same.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.text, encoding=self.encoding)
        for command in self.enable:
            _run(
                command, f"{self.path} is written: once the manager is there, run {_words(command)}"
            )

    def uninstall(self) -> bool:
        """End the service and remove its file; safe to repeat.

        Returns:
            Whether there was one.
        """
        if not self.path.exists():
            return False
        for command in self.disable:
            _run(command, f"run {_words(command)} where the manager is, then remove {self.path}")
        self.path.unlink(missing_ok=True)
        return True

    def runs(self) -> bool:
        """Whether the manager says that it runs."""
        if shutil.which(self.query[0]) is None:
            return False
        asked = subprocess.run(self.query, capture_output=True, timeout=_PATIENCE, check=False)
        return asked.returncode == 0


def service_here() -> Service:
    """Return the service for the running system.

    Raises:
        AgentOsError: It has no service manager that we know.
    """
    command = (sys.executable, "-m", "agentos", "serve")
    environment = {name: os.environ[name] for name in _PLACES if os.environ.get(name)}
    if sys.platform == "linux":
        return _systemd(command, environment)
    if sys.platform == "darwin":
        return _launchd(command, environment)
    if sys.platform == "win32":
        return _task_scheduler(command)
    raise AgentOsError(
        f"there is no service manager on {sys.platform} that the hub knows",
        code="service_unknown",
        hint="have your own one run `agentos serve`",
    )


def _systemd(command: Sequence[str], environment: dict[str, str]) -> Service:
    place = Path(os.environ.get("XDG_CONFIG_HOME") or user_home() / ".config")
    unit = f"{NAME}.service"
    manager = ("systemctl", "--user")
    return Service(
        path=place / "systemd" / "user" / unit,
        text=systemd_unit(command, environment),
        enable=((*manager, "daemon-reload"), (*manager, "enable", "--now", unit)),
        disable=((*manager, "disable", "--now", unit),),
        query=(*manager, "is-active", "--quiet", unit),
    )


def _launchd(command: Sequence[str], environment: dict[str, str]) -> Service:
    path = user_home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    domain = f"gui/{os.getuid()}"
    return Service(
        path=path,
        text=launchd_plist(command, environment, str(state_dir() / "logs" / "service.out")),
        enable=(("launchctl", "bootstrap", domain, str(path)),),
        disable=(("launchctl", "bootout", f"{domain}/{LABEL}"),),
        query=("launchctl", "print", f"{domain}/{LABEL}"),
    )


def _task_scheduler(command: Sequence[str]) -> Service:
    path = state_dir() / f"{NAME}.xml"
    user = f"{os.environ.get('USERDOMAIN', '.')}\\{getpass.getuser()}"
    return Service(
        path=path,
        text=windows_task(command, user),
        enable=(
            ("schtasks", "/Create", "/TN", NAME, "/XML", str(path), "/F"),
            ("schtasks", "/Run", "/TN", NAME),
        ),
        disable=(("schtasks", "/Delete", "/TN", NAME, "/F"),),
        query=("schtasks", "/Query", "/TN", NAME),
        encoding="utf-16",
    )


def _run(command: Sequence[str], hint: str) -> None:
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except FileNotFoundError as error:
        message = f"there is no {command[0]} on this system"
        raise AgentOsError(message, code="service_manager_missing", hint=hint) from error
    if ran.returncode != 0:
        said = (ran.stderr or ran.stdout).strip()[-400:]
        message = f"{_words(command)} failed: {said or f'exit code {ran.returncode}'}"
        raise AgentOsError(message, code="service_manager_refused", hint=hint)


def _words(command: Sequence[str]) -> str:
    return f"`{' '.join(command)}`"
