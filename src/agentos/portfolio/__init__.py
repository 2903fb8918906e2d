"""The context portfolio: pages about the user that every agent reads and none writes.

`portfolio` is the way in: it lists, reads and searches the pages, and takes proposals. `pages`
opens them, `front_matter` reads what they say of themselves, `search`, `checking`, `proposals` and
`changes` are one thing each.
"""

from __future__ import annotations

from agentos.portfolio.changes import PageChange
from agentos.portfolio.checking import Finding
from agentos.portfolio.pages import PortfolioFile, PortfolioText
from agentos.portfolio.portfolio import Portfolio
from agentos.portfolio.proposals import Edit, Proposal
from agentos.portfolio.search import Hit

__all__ = [
    "Edit",
    "Finding",
    "Hit",
    "PageChange",
    "Portfolio",
    "PortfolioFile",
    "PortfolioText",
    "Proposal",
]
