"""Tools of the portfolio: list, read, search, propose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from mcp.server.mcpserver.tools import Tool

from agentos.hub.mcp.caller import current_caller
from agentos.hub.mcp.services import Services
from agentos.hub.mcp.tool import tool
from agentos.portfolio import Portfolio, PortfolioFile


@dataclass(frozen=True)
class Page:
    """A portfolio file without its text."""

    name: str
    title: str
    size: int
    modified: datetime
    updated: date | None = None
    stability: str | None = None

    @classmethod
    def of(cls, file: PortfolioFile) -> Page:
        modified = datetime.fromtimestamp(file.modified, UTC)
        return cls(file.name, file.title, file.size, modified, file.updated, file.stability)


@dataclass(frozen=True)
class Pages:
    """All portfolio files."""

    files: list[Page]


@dataclass(frozen=True)
class PageText:
    """A portfolio file; the warnings say why not to rely on it."""

    name: str
    text: str
    warnings: list[str]

    def for_model(self) -> str:
        """The page as it is, and what to be careful with."""
        return "\n".join([self.text, *(f"(Warning: {warning})" for warning in self.warnings)])


@dataclass(frozen=True)
class Passage:
    """Where something was found."""

    name: str
    heading: str
    line: int
    text: str


@dataclass(frozen=True)
class Passages:
    """What was found, the best first."""

    hits: list[Passage]


@dataclass(frozen=True)
class Proposed:
    """A proposal that waits for the user."""

    id: str


def portfolio_tools(services: Services) -> Iterator[Tool]:
    """Make the tools."""

    def portfolio() -> Portfolio:
        return services.portfolio(current_caller().client)

    async def list_files() -> Pages:
        return Pages([Page.of(file) for file in await portfolio().files()])

    async def read_file(name: str) -> PageText:
        page = await portfolio().read(name)
        return PageText(page.file.name, page.text, list(page.warnings))

    async def search(query: str, limit: int = 20) -> Passages:
        hits = await portfolio().search(query, limit)
        return Passages([Passage(hit.name, hit.heading, hit.line, hit.text) for hit in hits])

    async def propose(name: str, text: str, reason: str) -> Proposed:
        client = current_caller().client
        made = await portfolio().propose(name, text, reason=reason, client=client)
        return Proposed(made.id)

    yield tool("list_portfolio_files", list_files)
    yield tool("read_portfolio_file", read_file)
    yield tool("search_portfolio", search)
    yield tool("propose_portfolio_change", propose)
