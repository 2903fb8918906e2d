"""The user's projects, and which of them is active: it scopes the portfolio and memories.

The active one is kept in `project.json` of the state directory, for everybody and for single
clients. Each change replaces the file in one step; whoever asks sees it at once, in every process.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from agentos.config import state_dir
from agentos.errors import ConfigInvalid
from agentos.home.replacing import replace_file

FILE = "project.json"


@dataclass(frozen=True)
class Project:
    """A project of the user's, which scopes the portfolio and memories.

    Attributes:
        name: What `agentos project use` takes.
        path: Its directory, absolute.
        portfolio: The portfolio files that it sees, as globs; all if empty.
    """

    name: str
    path: Path
    portfolio: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes:
        project: Everybody's active project, None for no project.
        clients: What holds for single clients instead.
    """

    project: str | None = None
    clients: dict[str, str | None] = field(default_factory=dict)

    def of(self, client: str) -> str | None:
        """Return a client's active project."""
        return self.clients.get(client, self.project)


class ActiveProjects:
    """Know and change which project is active.

    Args:
        projects: Those of `agentos.toml`.
        state: The directory of the file; the state directory by default.

    Example:
        ```python
        projects = ActiveProjects(settings.projects)
        projects.use("website")
        projects.use("billing", client="codex")
        projects.active("codex")  # Project(name="billing", ...)
        ```
    """

    def __init__(self, projects: Sequence[Project], state: Path | None = None) -> None:
        self.projects = tuple(projects)
        self._path = (state or state_dir()) / FILE
        self._seen: tuple[int, int, int] | None = None
        self._choice = Choice()

    def choice(self) -> Choice:
        """Return what was chosen.

        Raises:
            ConfigInvalid: The file is not as AgentOS writes it.
        """
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            self._seen, self._choice = None, Choice()
            return self._choice
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        if seen != self._seen:
            self._choice = _read(self._path)
            self._seen = seen
        return self._choice

    def name(self, client: str = "") -> str | None:
        """Return the name of a client's active project.

        Raises:
            ConfigInvalid: The file is not as AgentOS writes it.
        """
        return self.choice().of(client)

    def active(self, client: str = "") -> Project | None:
        """Return a client's active project, None if there is none.

        Raises:
            ConfigInvalid: It is not among the projects any more, or the file is damaged. To go on
                without a project would show more than was chosen.
        """
        name = self.name(client)
        return None if name is None else project_named(self.projects, name)

    def use(self, name: str | None, client: str | None = None) -> None:
        """Make a project the active one.

        Args:
            name: The project; None for no project.
            client: For this client alone.

        Raises:
            ConfigInvalid: There is no such project.
        """
        if name is not None:
            project_named(self.projects, name)
        with self._changing() as old:
            if client is None:
                self._write(replace(old, project=name))
            else:
                self._write(replace(old, clients={**old.clients, client: name}))

    def clear(self, client: str | None = None) -> None:
        """Forget what was chosen.

        Args:
            client: For this client alone, which then follows the others.
        """
        if client is None:
            with self._locked():
                self._write(Choice())
            return
        with self._changing() as old:
            others = {name: chosen for name, chosen in old.clients.items() if name != client}
            self._write(replace(old, clients=others))

    @contextmanager
    def _changing(self) -> Iterator[Choice]:
        with self._locked():
            yield self.choice()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let no other process change the file between our reading and our writing."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(
            self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, choice: Choice) -> None:
        said = json.dumps(asdict(choice), indent=2) + "\n"
        replace_file(self._path, said.encode(), private=True)


def project_named(projects: Sequence[Project], name: str) -> Project:
    """Return a project by its name.

    Raises:
        ConfigInvalid: There is none of this name.
    """
    for project in projects:
        if project.name == name:
            return project
    from agentos.settings.mistakes import nearest

    meant = nearest(name, [project.name for project in projects])
    raise ConfigInvalid(
        f"there is no project {name!r}",
        code="project_unknown",
        hint=f"{meant}; projects are [[projects]] in agentos.toml,"
        " and `agentos project clear` goes on without one",
    )


def active_project(
    projects: Sequence[Project], client: str = "", state: Path | None = None
) -> Project | None:
    """Return a client's active project, None if there is none.

    Args:
        projects: Those of `agentos.toml`.
        client: The client, such as `codex`.
        state: The state directory, if it is not the usual one.

    Raises:
        ConfigInvalid: The active project is not among them any more.
    """
    return ActiveProjects(projects, state).active(client)


def _read(path: Path) -> Choice:
    try:
        found = json.loads(path.read_text("utf-8"))
        choice = Choice(found["project"], dict(found["clients"]))
        names = [choice.project, *choice.clients.values()]
        if not all(name is None or isinstance(name, str) for name in names):
            raise TypeError("a project's name is not a text")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigInvalid(
            f"{path} does not tell the active project: {error}",
            code="project_file_invalid",
            hint="`agentos project clear` begins anew",
        ) from error
    return choice
