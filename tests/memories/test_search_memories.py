"""Words and phrases are found in memories, and in what clients wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.errors import AgentOsError
from agentos.memories.clients.entry import Entry
from agentos.memories.memory import Memory
from agentos.memories.search import search

MEMORIES = [
    Memory("prices", "reference", "How money is kept", "All prices are\nin cents.\n\nNo euros."),
    Memory("deploy", "project", "How to deploy", "By rsync. Prices are frozen.", "site"),
]
ENTRIES = [Entry("codex", "session", "A session", "Somebody asked for prices.", Path("/x"))]


def test_words_and_phrases() -> None:
    first, second = search("price", MEMORIES)
    assert {first.name, second.name} == {"prices", "site/deploy"}
    [hit] = search('"prices are in cents"', MEMORIES, ENTRIES)
    assert (hit.name, hit.client, hit.title) == ("prices", None, "How money is kept")
    assert hit.text == "\nAll prices are\nin cents.\n"
    assert hit.found == ("prices are in cents",)


def test_what_it_is_about_is_searched_too() -> None:
    [hit] = search("money", MEMORIES)
    assert hit.name == "prices"


def test_what_clients_wrote() -> None:
    [hit] = search("somebody", MEMORIES, ENTRIES)
    assert (hit.name, hit.client) == (ENTRIES[0].id, "codex")
    assert search("somebody", MEMORIES) == []
    assert len(search("prices", MEMORIES, ENTRIES, limit=2)) == 2


def test_nothing_to_search_for() -> None:
    with pytest.raises(AgentOsError, match="no word"):
        search("?!", MEMORIES)
