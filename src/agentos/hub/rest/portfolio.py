"""The portfolio over REST, for its owner: pages, what is wrong with them, proposals.

Agents have the tools of the MCP endpoint, which show each what its project sees.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agentos.hub.actions.opening import Editor
from agentos.hub.auth.needs import needs
from agentos.hub.errors import Refused
from agentos.hub.hub import Hub
from agentos.hub.scopes import Principal, Scope
from agentos.hub.settings import HubSettings
from agentos.hub.tagged import tagged
from agentos.portfolio.pages import PortfolioFile
from agentos.portfolio.portfolio import Portfolio
from agentos.portfolio.proposals import Proposal

Owner = Annotated[Principal, needs(Scope.ALL)]
After = Annotated[str | None, Query(max_length=300, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500)]


class PageInfo(BaseModel):
    """A page without its text."""

    name: str
    title: str
    size: int
    modified: datetime
    updated: date | None
    stability: str | None
    scope: str | None
    stale: bool

    @classmethod
    def of(cls, file: PortfolioFile) -> PageInfo:
        return cls(
            name=file.name,
            title=file.title,
            size=file.size,
            modified=datetime.fromtimestamp(file.modified, UTC),
            updated=file.updated,
            stability=file.stability,
            scope=file.scope,
            stale=file.stale,
        )


class PageList(BaseModel):
    """Pages by name."""

    pages: list[PageInfo]
    next: str | None


class PageText(BaseModel):
    """A page: its Markdown without the front matter, and why not to rely on it.

    `editor` is the program that `open` starts; there is none if the user has set none.
    """

    page: PageInfo
    path: str
    editor: str | None
    body: str
    warnings: list[str]


class PageFinding(BaseModel):
    """Something about a page that its owner should know."""

    name: str
    line: int
    level: Literal["error", "warning"]
    message: str


class FindingList(BaseModel):
    """What is wrong with the pages."""

    findings: list[PageFinding]


class ProposalInfo(BaseModel):
    """A change that an agent proposes, as a unified diff."""

    id: str
    name: str
    reason: str
    client: str
    at: datetime
    creates: bool
    state: Literal["open", "accepted", "rejected"]
    diff: str

    @classmethod
    def of(cls, proposal: Proposal) -> ProposalInfo:
        return cls(
            id=proposal.id,
            name=proposal.name,
            reason=proposal.reason,
            client=proposal.client,
            at=datetime.fromtimestamp(proposal.at, UTC),
            creates=proposal.base_text is None,
            state=proposal.state,
            diff=proposal.diff(),
        )


class ProposalList(BaseModel):
    """The proposals that wait, the oldest first."""

    proposals: list[ProposalInfo]
    next: str | None


class Rejection(BaseModel):
    """What its proposer shall know."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=2000)] | None = None


def add(app: FastAPI, hub: Hub) -> None:
    """Add the routes."""
    portfolio = Portfolio(hub.home, state=hub.state, stale_after=hub.settings.stale_after_days)
    router = APIRouter(prefix="/api/v1/portfolio", tags=["portfolio"])
    _add_pages(router, portfolio, hub.settings)
    _add_proposals(router, portfolio)
    app.include_router(router)


def _add_pages(router: APIRouter, portfolio: Portfolio, settings: HubSettings) -> None:
    editor = Editor(settings.editor) if settings.editor else None

    @router.get("/pages", response_model=PageList)
    async def list_pages(
        request: Request, owner: Owner, after: After = None, limit: Limit = 100
    ) -> Response:
        """List the pages by name."""
        files = await portfolio.files()
        begin = bisect_right(files, after, key=lambda file: file.name) if after else 0
        some = files[begin : begin + limit]
        more = begin + limit < len(files)
        pages = [PageInfo.of(file) for file in some]
        return tagged(request, PageList(pages=pages, next=some[-1].name if more else None))

    @router.get("/pages/{name}", response_model=PageText)
    async def read_page(request: Request, owner: Owner, name: str) -> Response:
        """Read a page."""
        page = await portfolio.read(name)
        text = PageText(
            page=PageInfo.of(page.file),
            path=str(portfolio.path(page.file.name)),
            editor=settings.editor[0] if settings.editor else None,
            body=page.body,
            warnings=list(page.warnings),
        )
        return tagged(request, text)

    @router.post("/pages/{name}/open", status_code=204)
    async def open_page(owner: Owner, name: str) -> None:
        """Open a page in the editor that `agentos.toml` names, on the computer of the hub."""
        page = await portfolio.read(name)
        if editor is None:
            message = "no editor is set"
            hint = 'write editor = "code" into the [hub] table of agentos.toml'
            raise Refused(409, "editor_unset", message, hint=hint)
        await editor.open(portfolio.path(page.file.name))

    @router.get("/findings", response_model=FindingList)
    async def check_pages(request: Request, owner: Owner) -> Response:
        """Tell what is wrong with the pages: front matter, links, age."""
        findings = [
            PageFinding(name=one.name, line=one.line, level=one.level, message=one.message)
            for one in await portfolio.check()
        ]
        return tagged(request, FindingList(findings=findings))


def _add_proposals(router: APIRouter, portfolio: Portfolio) -> None:
    @router.get("/proposals", response_model=ProposalList)
    async def list_proposals(
        request: Request, owner: Owner, after: After = None, limit: Limit = 100
    ) -> Response:
        """List the proposals that wait, the oldest first."""
        waiting = await portfolio.inbox()
        ids = [proposal.id for proposal in waiting]
        begin = ids.index(after) + 1 if after in ids else 0
        some = waiting[begin : begin + limit]
        more = begin + limit < len(waiting)
        proposals = [ProposalInfo.of(proposal) for proposal in some]
        return tagged(
            request, ProposalList(proposals=proposals, next=some[-1].id if more else None)
        )

    @router.get("/proposals/{id}", response_model=ProposalInfo)
    async def read_proposal(request: Request, owner: Owner, id: str) -> Response:
        """Read a proposal that waits."""
        return tagged(request, ProposalInfo.of(await portfolio.proposal(id)))

    @router.post("/proposals/{id}/accept")
    async def accept_proposal(owner: Owner, id: str) -> ProposalInfo:
        """Make the change; 409 if its page changed since, and then nothing is changed."""
        return ProposalInfo.of(await portfolio.accept(id))

    @router.post("/proposals/{id}/reject")
    async def reject_proposal(owner: Owner, id: str, rejection: Rejection) -> ProposalInfo:
        """Leave the page as it is."""
        return ProposalInfo.of(await portfolio.reject(id, rejection.reason))
