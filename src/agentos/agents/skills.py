"""Skills: a SKILL.md that an agent looks up when a task calls for it, and files beside it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from agentos.agents.given import is_text
from agentos.errors import ConfigInvalid
from agentos.home.front_matter import read_head
from agentos.machine.patch import Entry
from agentos.skills.rendering import expanded

FILE = "SKILL.md"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME = 64
_LONGEST_DESCRIPTION = 1024
#: What one skill may hold; more is a directory given by mistake.
_MOST_FILES = 2000
_MOST_BYTES = 64 * 2**20
_EXAMPLE = "begin with ---, name: commit-style, description: How we word commits., ---"


@dataclass(frozen=True)
class Skill:
    """A skill for an agent.

    Args:
        text: Its SKILL.md: front matter with `name` and `description`, then what to do.
        files: What lies beside it, by relative path.
        name: Its name where the front matter has none.

    Attributes:
        description: When to use it, from the front matter; the agent always sees this line.

    Raises:
        ConfigInvalid: The front matter is missing or wrong, or a path leads out.

    Example:
        `Skill("---\\nname: commits\\ndescription: How we word commits.\\n---\\nShort lines.\\n")`
    """

    text: str
    files: Mapping[str, Entry] = field(default_factory=dict)
    name: str = ""
    description: str = field(init=False)

    def __post_init__(self) -> None:
        said = read_head(self.name or FILE, self.text).values
        name, description = said.get("name", self.name), said.get("description")
        fits = isinstance(name, str) and len(name) <= _LONGEST_NAME and _NAME.fullmatch(name)
        if not fits:
            raise ConfigInvalid(
                f"a skill cannot be named {name!r}" if name else f"a {FILE} has no name",
                hint="a name has lower-case letters, digits and single hyphens, 64 at most",
            )
        if not isinstance(description, str) or not description.strip():
            raise ConfigInvalid(f"the skill {name!r} has no description", hint=_EXAMPLE)
        if len(description) > _LONGEST_DESCRIPTION:
            raise ConfigInvalid(
                f"the description of the skill {name!r} has {len(description)} characters",
                hint=f"{_LONGEST_DESCRIPTION} at most: it is in every prompt",
            )
        for path in self.files:
            parts = PurePosixPath(path).parts
            if not parts or path.startswith("/") or ".." in parts or path == FILE:
                raise ConfigInvalid(f"the skill {name!r} cannot have a file {path!r}")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "description", description)

    @classmethod
    def of(cls, given: Skill | str | Path) -> Skill:
        """Take a skill, its text (a `str` with a line break), or its directory.

        Raises:
            ConfigInvalid: It is none of these.
        """
        if isinstance(given, Skill):
            return given
        return cls(str(given)) if is_text(given) else cls.read(Path(given))

    def expanded(self, tokens: Mapping[str, str]) -> Skill:
        """Return it with what they stand for in the place of tokens such as `{{client}}`.

        Raises:
            ConfigInvalid: In Markdown a token stands for nothing.
        """
        files = {
            path: replace(entry, content=expanded(f"{self.name}/{path}", entry.content, tokens))
            if stat.S_ISREG(entry.mode)
            else entry
            for path, entry in self.files.items()
        }
        text = expanded(f"{self.name}/{FILE}", self.text.encode(), tokens).decode()
        return Skill(text, files, self.name)

    @classmethod
    def read(cls, directory: Path) -> Skill:
        """Read a skill's directory, with mode bits and the links that stay within.

        Raises:
            ConfigInvalid: It is no skill, a link leaves it, or it is far too large.
        """
        try:
            text = (directory / FILE).read_bytes().decode()
            files = dict(_files(directory))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            where = getattr(error, "filename", None) or directory / FILE
            raise ConfigInvalid(
                f"the skill {str(directory)!r} cannot be read: {where}: {reason}",
                hint=f"give a directory with a {FILE}; a text has a line break in it",
            ) from error
        try:
            return cls(text, files, directory.resolve().name)
        except ConfigInvalid as error:
            raise ConfigInvalid(
                f"{directory / FILE}: {error.message}", code=error.code, hint=error.hint
            ) from error


def _files(root: Path) -> Iterator[tuple[str, Entry]]:
    real, count, size = root.resolve(), 0, 0
    for directory, names, leaves in os.walk(root, onerror=_raise):
        links = [name for name in names if Path(directory, name).is_symlink()]
        for name in (*leaves, *links):
            path = Path(directory, name)
            relative = path.relative_to(root).as_posix()
            entry = _entry(path, real)
            if relative == FILE:
                continue
            count, size = count + 1, size + len(entry.content)
            if count > _MOST_FILES or size > _MOST_BYTES:
                raise ConfigInvalid(
                    f"the skill {str(root)!r} is larger than {_MOST_FILES} files or "
                    f"{_MOST_BYTES >> 20} MB",
                    hint="is it the right directory?",
                )
            yield relative, entry


def _entry(path: Path, root: Path) -> Entry:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(path)
        if os.path.isabs(target) or not path.resolve().is_relative_to(root):
            raise ConfigInvalid(
                f"{path} is a link that leaves the skill: {target}",
                hint="copy what it leads to into the skill's directory",
            )
        return Entry(status.st_mode, os.fsencode(target))
    if not stat.S_ISREG(status.st_mode):
        raise ConfigInvalid(f"{path} is neither a file nor a link", hint="remove it")
    if status.st_size > _MOST_BYTES:
        raise ConfigInvalid(f"{path} is larger than {_MOST_BYTES >> 20} MB")
    return Entry(status.st_mode, path.read_bytes())


def _raise(error: OSError) -> None:
    raise error
