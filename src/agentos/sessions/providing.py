"""Write what a session is given into its machine, by sync's engine: no user's file is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_IMODE

from agentos.agents.machine import AgentMachine
from agentos.agents.provisions import Provisions
from agentos.errors import ConfigInvalid, SyncConflict, SyncError
from agentos.sessions.deploying import deploy
from agentos.sessions.given_links import GivenLinks
from agentos.sync.desired import Desired, Owned, OwnedFile, OwnedSection
from agentos.sync.merge import Side
from agentos.sync.plan import Choices


async def provide(machine: AgentMachine, provisions: Provisions) -> None:
    """Write what was given; all is checked before anything is written.

    Each skill, file and section is kept in step by itself, so that sessions of one machine can be
    given different ones.

    Raises:
        ConfigInvalid: A file of the user's is in the way.
    """
    wanted = {
        path: entry.content.decode(errors="surrogateescape")
        for path, entry in provisions.files.items()
        if entry.is_link
    }
    links = await GivenLinks.checked(machine, provisions.root, wanted, provisions.whole)
    desired = list(_desired(provisions))
    paths = frozenset(part.path for each in desired for part in each.owned)
    try:
        await deploy(machine, desired, _AskedForAgain(wanted=paths))
    except SyncConflict as error:
        raise ConfigInvalid(
            f"{error.names[0]} is in the machine already, and is not what AgentOS wrote there",
            hint="remove it in the machine, or use another name",
        ) from error
    except SyncError as error:
        raise ConfigInvalid(error.message, hint=error.hint) from error
    await links.write()


@dataclass(frozen=True)
class _AskedForAgain(Choices):
    """What is given is there again even if it was removed; a user's file stays, and is a conflict.

    Attributes:
        wanted: The files that are given, or have sections.
    """

    wanted: frozenset[Path] = frozenset()

    def of(self, path: Path, name: str) -> Side | None:
        if name:
            return "ours"  # a section has only what was given last
        return None if path in self.wanted else "theirs"

    def restores(self, path: Path, name: str) -> bool:
        return True


@dataclass
class _Given:
    """The files of one thing that was given, and where they are."""

    roots: tuple[Path, ...] = ()
    owned: list[Owned] = field(default_factory=list)


def _desired(provisions: Provisions) -> Iterator[Desired]:
    given = {place: _Given((Path(provisions.root, place),)) for place in provisions.whole}
    for path, entry in provisions.files.items():
        if entry.is_link:
            continue
        place = next((each for each in provisions.whole if path.startswith(f"{each}/")), path)
        file = OwnedFile(Path(provisions.root, path), entry.content, S_IMODE(entry.mode) & 0o777)
        given.setdefault(place, _Given()).owned.append(file)
    for section in provisions.sections:
        part = OwnedSection(Path(section.path), section.name, section.text)
        given.setdefault(f"{section.path}: {section.name}", _Given()).owned.append(part)
    for place, each in given.items():
        yield Desired(f"given {place}", tuple(each.owned), each.roots)
