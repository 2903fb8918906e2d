"""The portfolio as agents and their owner use it."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from fnmatch import fnmatchcase
from pathlib import Path

from agentos.config import home_dir, state_dir
from agentos.errors import AgentOsError
from agentos.home.projects import Project
from agentos.portfolio.changes import PageChange, watch_pages
from agentos.portfolio.checking import Finding, check_page
from agentos.portfolio.pages import (
    SUFFIX,
    Pages,
    PortfolioFile,
    PortfolioText,
    page_name,
)
from agentos.portfolio.proposals import (
    Edit,
    Inbox,
    Proposal,
    conflict,
    edited,
    line_ends_of,
)
from agentos.portfolio.search import Hit, find


class Portfolio:
    """The pages about a user, read from disk at each call.

    Args:
        home: The AgentOS home; by default that of the user.
        project: Restricts what is seen, found and proposed to the pages that it names.
        state: Where proposals are kept; by default the state directory.
        stale_after: How old a page that calls itself evolving may become, in days.

    Example:
        `(await Portfolio().read("identity")).body`
    """

    def __init__(
        self,
        home: Path | None = None,
        project: Project | None = None,
        *,
        state: Path | None = None,
        stale_after: float = 60.0,
    ) -> None:
        self.home = home or home_dir()
        self._pages = Pages(self.home, stale_after)
        self._inbox = Inbox(state or state_dir())
        self._seen = [name.removesuffix(SUFFIX) for name in project.portfolio] if project else []

    async def files(self) -> list[PortfolioFile]:
        """Return the pages by name.

        Raises:
            AgentOsError: There is no portfolio.
        """
        return [page.file for page in self._pages.readable(self._names())]

    async def read(self, name: str) -> PortfolioText:
        """Read a page.

        Args:
            name: `identity`, `identity.md` or `portfolio://identity`.

        Raises:
            AgentOsError: There is none of this name, or it leads out of the portfolio.
        """
        name = page_name(name)
        if not self._sees(name):
            raise self._unknown(name)
        try:
            return self._pages.read(name)  # a tenth of a millisecond: no thread is as fast
        except FileNotFoundError as error:
            raise self._unknown(name) from error

    def path(self, name: str) -> Path:
        """Return where a page is, or would be."""
        return self._pages.path(page_name(name))

    async def search(self, query: str, limit: int = 20, context: int = 1) -> list[Hit]:
        """Search the text of all pages.

        Args:
            query: Words, of which the beginning is enough, and "phrases", which have to occur.
            limit: At most so many passages, the best first.
            context: So many lines around each line found.

        Raises:
            AgentOsError: The query has no word, or there is no portfolio.
        """
        return await asyncio.to_thread(
            lambda: find(self._pages.readable(self._names()), query, limit, context)
        )

    async def check(self) -> list[Finding]:
        """Return what is wrong with the pages: front matter, links, age.

        Raises:
            AgentOsError: There is no portfolio.
        """
        return await asyncio.to_thread(lambda: [f for n in self._names() for f in self._check(n)])

    async def propose(
        self,
        name: str,
        new_text: str | None = None,
        *,
        edits: Sequence[Edit] | None = None,
        reason: str,
        client: str,
    ) -> Proposal:
        """Put a change into the inbox; the page stays as it is until its owner accepts.

        Args:
            name: The page, which may be a new one.
            new_text: The whole text that it would have.
            edits: Instead of that, snippets to replace.
            reason: Why.
            client: Who proposes it.

        Raises:
            AgentOsError: It changes nothing, its page cannot be seen, a snippet does not occur
                exactly once, or the inbox is full.
        """
        if (new_text is None) == (edits is None):
            raise AgentOsError(
                f"a proposal for {name} needs either a text or edits",
                code="proposal_empty",
                hint="give new_text, or edits with old and new",
            )
        name = page_name(name)
        if not self._sees(name):
            raise self._unknown(name)
        return await asyncio.to_thread(self._propose, name, new_text, edits, reason, client)

    async def inbox(self) -> list[Proposal]:
        """Return the proposals that wait, the oldest first."""
        waiting = await asyncio.to_thread(self._inbox.open)
        return [each for each in waiting if self._sees(each.name)]

    async def proposal(self, id: str) -> Proposal:
        """Return a proposal that waits.

        Raises:
            AgentOsError: There is none of this id, or it was decided already.
        """
        return self._find(id)

    async def accept(self, id: str) -> Proposal:
        """Give a page the text that was proposed; git is left to its owner.

        Raises:
            SyncConflict: The page changed since; says how both sides did, and changes nothing.
            AgentOsError: There is no such proposal, or it was decided already.
        """
        return await asyncio.to_thread(self._accept, id)

    async def reject(self, id: str, reason: str | None = None) -> Proposal:
        """Leave a page as it is.

        Raises:
            AgentOsError: There is no such proposal, or it was decided already.
        """
        return await asyncio.to_thread(
            lambda: self._inbox.close(self._find(id), "rejected", reason)
        )

    async def changes(self) -> AsyncGenerator[tuple[PageChange, ...], None]:
        """Go through the changes of pages as they are made, until the caller closes this.

        Raises:
            FileNotFoundError: The AgentOS home has gone.
        """
        async with aclosing(watch_pages(self._pages)) as rounds:
            async for changes in rounds:
                if seen := tuple(change for change in changes if self._sees(change.name)):
                    yield seen

    def _names(self) -> list[str]:
        return [name for name in self._pages.names() if self._sees(name)]

    def _sees(self, name: str) -> bool:
        return not self._seen or any(fnmatchcase(name, pattern) for pattern in self._seen)

    def _unknown(self, name: str) -> AgentOsError:
        names = self._names()
        near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
        return AgentOsError(
            f"there is no portfolio file {name!r}",
            code="portfolio_file_unknown",
            hint=f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}",
        )

    def _check(self, name: str) -> list[Finding]:
        try:
            page = self._pages.read(name)
        except AgentOsError as error:
            return [Finding(name, 1, "error", error.message)]
        except OSError as error:
            return [Finding(name, 1, "error", f"it cannot be read: {error.strerror}")]
        return check_page(page, self.home, self._pages.directory)

    def _propose(
        self,
        name: str,
        new_text: str | None,
        edits: Sequence[Edit] | None,
        reason: str,
        client: str,
    ) -> Proposal:
        self._pages.names()  # without a portfolio there is nothing to propose to
        base = self._text(name)
        if new_text is None:
            if base is None:
                raise self._unknown(name)
            new_text = edited(base, edits or ())
        elif base is not None:
            new_text = line_ends_of(base, new_text)
        return self._inbox.add(name, base, new_text, reason, client)

    def _accept(self, id: str) -> Proposal:
        proposal = self._find(id)
        now = self._text(proposal.name)
        if now != proposal.new_text:  # else it has been applied by hand, or by half an accept
            if now != proposal.base_text:
                raise conflict(proposal, now)
            self._pages.replace(page_name(proposal.name), proposal.new_text.encode())
        return self._inbox.close(proposal, "accepted", None)

    def _find(self, id: str) -> Proposal:
        proposal = self._inbox.find(id)
        self._pages.names()
        return proposal

    def _text(self, name: str) -> str | None:
        """The text of a page, to the byte; None if there is no such page."""
        try:
            content, _ = self._pages.content(name)
        except FileNotFoundError:
            return None
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise AgentOsError(
                f"{name} is not UTF-8, so that nothing can be proposed for it",
                code="portfolio_file_refused",
                hint="save it as UTF-8",
            ) from error
