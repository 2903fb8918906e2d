"""Search memories for words and phrases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentos.memories.clients.entry import Entry
from agentos.memories.memory import Memory
from agentos.memories.reading import full_name

if TYPE_CHECKING:
    from agentos.portfolio.pages import PortfolioText
    from agentos.portfolio.search import Hit as Passage


@dataclass(frozen=True)
class Hit:
    """A passage with what was searched for.

    Attributes:
        name: The memory, or the id of what a client wrote.
        client: Who wrote that; None for a memory.
        title: What it is about.
        text: The lines found, and those around them.
        found: The words and phrases that are in it.
    """

    name: str
    client: str | None
    title: str
    text: str
    found: tuple[str, ...]


def search(
    query: str,
    memories: Iterable[Memory],
    entries: Iterable[Entry] = (),
    *,
    limit: int = 20,
    context: int = 1,
) -> list[Hit]:
    """Return the best passages.

    Args:
        query: Words, of which the beginning is enough, and "phrases", which have to occur.
        memories: Where to look.
        entries: Where else.
        limit: At most so many passages.
        context: So many lines around each line found.

    Raises:
        AgentOsError: The query has no word.
    """
    known: dict[str, tuple[str | None, str]] = {}
    texts = []
    for memory in memories:
        known[full_name(memory)] = None, memory.description
        texts.append((full_name(memory), memory.description, memory.text))
    for entry in entries:
        known[entry.id] = entry.client, entry.title
        texts.append((entry.id, entry.title, entry.text))
    return [
        Hit(hit.name, *known[hit.name], hit.text, hit.found)
        for hit in passages(query, texts, limit=limit, context=context)
    ]


def passages(
    query: str, texts: Iterable[tuple[str, str, str]], *, limit: int = 20, context: int = 1
) -> list[Passage]:
    """Return the best passages of texts.

    Args:
        query: As `search` takes it.
        texts: A name for each, its title and what it says.
        limit, context: As `search` takes them.

    Raises:
        AgentOsError: The query has no word.
    """
    from agentos.portfolio.search import find

    return find([_page(*each) for each in texts], query, limit, context)


def _page(name: str, title: str, text: str) -> PortfolioText:
    """What is looked at: the title, and below it the text."""
    from agentos.portfolio.front_matter import FrontMatter
    from agentos.portfolio.pages import PortfolioFile, PortfolioText

    file = PortfolioFile(name, title, 0, 0.0, None, None, None, "", False)
    body = f"{title}\n\n{text}"
    return PortfolioText(file, body, FrontMatter(), body, ())
