"""The files of the portfolio, opened from disk each time and never from anywhere else."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import unquote

from agentos.errors import AgentOsError
from agentos.home.replacing import replace_file
from agentos.portfolio.front_matter import FrontMatter, split

DIRECTORY = "context-portfolio"
SCHEME = "portfolio://"
SUFFIX = ".md"
MOST_BYTES = 1_000_000
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_TITLE = re.compile(r"^#[ \t]+(.+?)[ \t#\r]*$", re.MULTILINE)


@dataclass(frozen=True)
class PortfolioFile:
    """A page, without its text.

    Attributes:
        name: Its file name without `.md`.
        title: Its first heading; the name in words if it has none.
        size: Bytes.
        modified: When the file was last written, in seconds since 1970.
        updated: When somebody last made sure that it is true, as it says itself.
        stability: `stable`, `evolving` or `draft`, as it says itself.
        scope: What it is about, as it says itself.
        uri: `portfolio://NAME`.
        stale: Whether it calls itself evolving and has not been looked after for long.
    """

    name: str
    title: str
    size: int
    modified: float
    updated: date | None
    stability: str | None
    scope: str | None
    uri: str
    stale: bool


@dataclass(frozen=True)
class PortfolioText:
    """A page with its text.

    Attributes:
        file: What it is.
        text: All of it.
        front_matter: What stands between the two `---` at its top.
        body: What comes after that.
        warnings: Why not to rely on it, in sentences.
    """

    file: PortfolioFile
    text: str
    front_matter: FrontMatter
    body: str
    warnings: tuple[str, ...]


def page_name(said: str) -> str:
    """Return the name that a name, a file name or a `portfolio://` URI means.

    Raises:
        AgentOsError: It leads out of the portfolio, or is no name.
    """
    name = said.strip()
    if name[: len(SCHEME)].lower() == SCHEME:
        name = unquote(name[len(SCHEME) :]).rstrip("/")
    name = name.removesuffix(SUFFIX)
    if not name or name.startswith(".") or not name.isprintable() or set(name) & set("/\\:"):
        raise AgentOsError(
            f"{said!r} does not name a portfolio file",
            code="portfolio_name_invalid",
            hint="names are like identity, identity.md or portfolio://identity",
        )
    return name


class Pages:
    """The directory of the pages.

    Args:
        home: The AgentOS home.
        stale_after: How old an evolving page may become, in days.
    """

    def __init__(self, home: Path, stale_after: float) -> None:
        self.directory = home / DIRECTORY
        self._stale_after = timedelta(days=stale_after)

    def names(self) -> list[str]:
        """Return the names of all pages, in order.

        Raises:
            AgentOsError: There is no portfolio.
        """
        try:
            found = os.listdir(self.directory)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._no_portfolio() from error
        return sorted(
            name.removesuffix(SUFFIX)
            for name in found
            if name.endswith(SUFFIX) and not name.startswith(".") and name.isprintable()
        )

    def read(self, name: str) -> PortfolioText:
        """Read a page from disk.

        Raises:
            FileNotFoundError: There is none of this name.
            AgentOsError: It is no file, leads elsewhere, or is larger than a megabyte.
        """
        content, status = self.content(name)
        text = content.decode("utf-8-sig", errors="replace")
        front, body = split(text)
        front = front or FrontMatter()
        file = PortfolioFile(
            name=name,
            title=_title(name, body),
            size=len(content),
            modified=status.st_mtime,
            updated=front.updated,
            stability=front.stability,
            scope=front.scope,
            uri=SCHEME + name,
            stale=self._is_stale(front),
        )
        return PortfolioText(file, text, front, body, tuple(self._warnings(file, front, content)))

    def readable(self, names: Iterable[str]) -> Iterator[PortfolioText]:
        """Read the pages that can be read; `agentos portfolio check` tells of the others."""
        for name in names:
            try:
                yield self.read(name)
            except (AgentOsError, OSError):
                continue

    def content(self, name: str) -> tuple[bytes, os.stat_result]:
        """Read the bytes of a page; raises as `read` does."""
        with self._opened(name) as fd:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise _refused(name, "it is no regular file")
            content = os.read(fd, MOST_BYTES + 1)
            while len(content) <= MOST_BYTES and (more := os.read(fd, MOST_BYTES)):
                content += more
        if len(content) > MOST_BYTES:
            raise _refused(name, f"it is larger than {MOST_BYTES} bytes")
        return content, status

    def path(self, name: str) -> Path:
        """Return where a page is, or would be."""
        return self.directory / (name + SUFFIX)

    def replace(self, name: str, content: bytes) -> None:
        """Give a page, or the one that it is a link to, new content; make it if it is not there.

        Raises:
            AgentOsError: It is a link that leads elsewhere.
            OSError: It cannot be written.
        """
        path = self.path(name)
        if path.is_symlink():
            path = self.directory / self._linked(name)
        replace_file(path, content, follow=False)

    @contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        try:
            top = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._no_portfolio() from error
        try:
            fd = self._open(name, top)
        finally:
            os.close(top)
        try:
            yield fd
        finally:
            os.close(fd)

    def _open(self, name: str, top: int) -> int:
        """Open a page; a link only to another page beside it, and that is opened by its name."""
        try:
            return os.open(name + SUFFIX, _OPEN, dir_fd=top)
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise FileNotFoundError(errno.ENOENT, "no such page", name) from error
            if error.errno not in (errno.ELOOP, errno.EMLINK):
                raise _refused(name, error.strerror) from error
        try:
            return os.open(self._linked(name), _OPEN, dir_fd=top)
        except OSError as error:
            raise _refused(name, f"it is a link: {error.strerror}") from error

    def _linked(self, name: str) -> str:
        """The file beside it that a page is a link to."""
        parent, file = os.path.split(os.path.realpath(self.path(name)))
        if parent != os.path.realpath(self.directory) or not file.endswith(SUFFIX):
            raise _refused(name, "it is a link that leads out of the portfolio")
        return file

    def _is_stale(self, front: FrontMatter) -> bool:
        if front.stability != "evolving" or front.updated is None:
            return False
        return _today() - front.updated > self._stale_after

    def _warnings(self, file: PortfolioFile, front: FrontMatter, content: bytes) -> Iterator[str]:
        if file.stale and file.updated:
            days = (_today() - file.updated).days
            yield f"{file.name} is evolving, and was updated {days} days ago: ask before using it"
        if file.stability == "draft":
            yield f"{file.name} is a draft: ask before using it"
        if front.mistake:
            yield f"{file.name}: line {front.mistake[0]}: {front.mistake[1]}"
        try:
            content.decode()
        except UnicodeDecodeError:
            yield f"{file.name} is not UTF-8: \N{REPLACEMENT CHARACTER} is what could not be read"

    def _no_portfolio(self) -> AgentOsError:
        return AgentOsError(
            f"there is no portfolio at {self.directory}",
            code="portfolio_missing",
            hint="run agentos init, or set AGENTOS_HOME to where it is",
        )


def _refused(name: str, why: str | None) -> AgentOsError:
    return AgentOsError(
        f"the portfolio file {name!r} is not read: {why}",
        code="portfolio_file_refused",
        hint="put a plain file in its place",
    )


def _title(name: str, body: str) -> str:
    heading = _TITLE.search(body)
    if heading:
        return heading.group(1)
    return name.replace("-", " ").replace("_", " ").capitalize()


def _today() -> date:
    return date.today()  # noqa: DTZ011 - the user's day
