"""What clients wrote waits for review, each thing once."""

from __future__ import annotations

import random
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.memories.conftest import Write

from agentos.errors import AgentOsError, ConfigInvalid, SecretsFound
from agentos.memories.candidate import Changes
from agentos.memories.clients.entry import Entry, Kind
from agentos.memories.inbox import Inbox
from agentos.memories.memory import MemoryType
from agentos.memories.reading import load_memories

KEY = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nv2Bx9Cd4Fg6Hj0SaTePu"  # made up
WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
LONG = (
    "Before every commit in this repository run the linter and then the tests, and write the"
    " message in the imperative mood with a short first line and a body that says why"
)
NEAR = LONG.replace("short", "brief")


def wrote(
    text: str,
    client: str = "codex",
    *,
    kind: Kind = "memory",
    title: str = "A thing",
    type: MemoryType | None = None,
    project: str | None = None,
) -> Entry:
    path = Path(f"/home/ada/.{client}/x.md")
    return Entry(client, kind, title, text, path, 1, type, project, WRITTEN)


@pytest.fixture
def inbox(home: Path, tmp_path: Path) -> Inbox:
    projects = {"site": Path("/home/ada/site")}
    return Inbox(home, tmp_path / "state", projects)


def test_what_says_the_same_is_one_candidate(inbox: Inbox) -> None:
    pulled = inbox.pull(
        [wrote(LONG), wrote(f"- {LONG}.", "claude"), wrote("Other."), wrote("Raw.", kind="raw")]
    )
    assert (len(pulled.new), pulled.merged, pulled.known) == (2, 1, 0)
    [one] = [each for each in inbox.open() if len(each.origins) == 2]
    assert one.clients == ("claude", "codex")
    again = inbox.pull([wrote(LONG), wrote("Other.")])
    assert (again.new, again.merged) == ((), 2)
    assert [each.id for each in inbox.open()] == sorted(each.id for each in pulled.new)


def test_what_is_near_is_one_candidate_with_all_wordings(inbox: Inbox) -> None:
    inbox.pull([wrote(LONG), wrote(NEAR, "claude")])
    [one] = inbox.open()
    assert {one.text, *one.variants} == {LONG, NEAR}
    later = LONG.replace("says why", "tells why")
    inbox.pull([wrote(later, "cursor", kind="rule")])
    [one] = inbox.open()
    assert later in one.variants
    assert one.clients == ("claude", "codex", "cursor")


def test_an_accepted_one_is_a_memory_with_its_origin(inbox: Inbox, home: Path) -> None:
    inbox.pull([wrote("Short.", type="feedback", title="How  to\nanswer"), wrote("Other.")])
    [one] = [each for each in inbox.open() if each.text == "Short."]
    path = inbox.accept(one.id[:5])
    [memory] = load_memories(home)
    assert path == home / "clients/shared/memory/how-to-answer.md"
    assert (memory.type, memory.client, memory.description) == (
        "feedback",
        "codex",
        "How to answer",
    )
    assert memory.written == datetime(2026, 1, 1, tzinfo=UTC)
    assert "how-to-answer" in (path.parent / "MEMORY.md").read_text()
    assert inbox.pull([wrote("short", "claude")]).known == 1
    with pytest.raises(AgentOsError, match="accepted already"):
        inbox.accept(one.id)
    path.write_text(path.read_text().replace("Short.", "Very short."))
    assert inbox.pull([wrote("Short.")]).known == 1  # it was decided


def test_a_rejected_one_does_not_come_back(inbox: Inbox, home: Path) -> None:
    inbox.pull([wrote(LONG), wrote(NEAR)])
    [one] = inbox.open()
    inbox.reject(one.id, "no")
    assert inbox.pull([wrote(LONG), wrote(NEAR)]).known == 2
    reworded = LONG.replace("says why", "tells why")
    opposed = LONG.replace("run the linter", "never run the linter")
    pulled = inbox.pull([wrote(reworded), wrote(opposed)])
    assert pulled.known == 1
    assert [each.text for each in inbox.open()] == [opposed]
    assert [(each.state, each.answer) for each in inbox.closed()] == [("rejected", "no")]
    assert load_memories(home) == ()


def test_what_is_a_memory_already(inbox: Inbox, write: Write) -> None:
    write("commits", LONG)
    pulled = inbox.pull([wrote(LONG.upper()), wrote(NEAR, "claude")])
    assert pulled.known == 1
    [one] = pulled.new
    assert (one.text, one.like) == (NEAR, "commits")


def test_where_it_holds(inbox: Inbox, home: Path) -> None:
    inbox.pull(
        [
            wrote("One.", project="/home/ada/site"),
            wrote("Two.", "claude", project="-home-ada-site"),
            wrote("Three.", project="/home/ada/other"),
            wrote("Four.", project="/home/ada/site"),
            wrote("Four.", project="/home/ada/other"),
        ]
    )
    found = {each.text: (each.project, each.about, each.type) for each in inbox.open()}
    assert found == {
        "One.": ("site", "/home/ada/site", "project"),
        "Two.": ("site", "-home-ada-site", "project"),
        "Three.": (None, "/home/ada/other", "project"),
        "Four.": (None, None, "reference"),
    }
    ids = {each.text: each.id for each in inbox.open()}
    assert inbox.accept(ids["One."]).parent.name == "site"
    changes = Changes("three", "user", "The third", "shop")
    assert inbox.accept(ids["Three."], changes).parent.name == "shop"
    assert inbox.accept(ids["Two."], Changes(project="")).parent.name == "memory"
    assert {each.name for each in load_memories(home)} == {"a-thing", "three"}


def test_names_that_are_taken(inbox: Inbox, home: Path) -> None:
    inbox.pull([wrote("One."), wrote("Two."), wrote("Three.", title="日本")])
    for each in inbox.open():
        inbox.accept(each.id)
    names = {each.name for each in load_memories(home)}
    assert names == {"a-thing", "a-thing-2", f"memory-{wrote('Three.').id}"}
    inbox.pull([wrote("Four.")])
    with pytest.raises(ConfigInvalid, match="is there already"):
        inbox.accept(inbox.open()[0].id, Changes(name="a-thing"))
    assert len(inbox.open()) == 1


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (f"Use {KEY} for GitHub.", "github-token"),
        ("Write to ada.lovelace@engines.org.uk", "email"),
        ("Call +44 20 7946 0958", "phone-number"),
    ],
)
def test_secrets_and_personal_data_hold_it_up(
    inbox: Inbox, home: Path, text: str, rule: str
) -> None:
    inbox.pull([wrote(text)])
    [one] = inbox.open()
    assert [each.split(":")[0] for each in one.findings] == [rule]
    assert KEY not in str(one.findings)
    with pytest.raises(SecretsFound, match="--despite-findings") as caught:
        inbox.accept(one.id)
    assert KEY not in str(caught.value)
    assert list(home.rglob("*.md")) == []
    assert [each.id for each in inbox.open()] == [one.id]
    inbox.accept(one.id, despite_findings=True)
    assert load_memories(home)[0].text == text


def test_a_file_that_is_written_again_and_again_is_one_origin(inbox: Inbox) -> None:
    for number in range(30):
        words = LONG.replace("short", "brief" + "a" * number)
        entry = wrote(words)
        inbox.pull([replace(entry, line=number, written=WRITTEN.replace(day=number % 28 + 1))])
    [one] = inbox.open()
    assert len(one.origins) == 1
    assert len(one.variants) == 20


def test_what_there_is_no_room_for_waits(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentos.memories.inbox.MOST_OPEN", 2)
    entries = [wrote(f"Number {number}.") for number in range(5)]
    assert inbox.pull(entries).left_out == 3
    assert inbox.pull(entries).left_out == 3
    inbox.reject(inbox.open()[0].id)
    assert (len(inbox.pull(entries).new), len(inbox.open())) == (1, 2)


def test_it_is_for_nobody_else(inbox: Inbox, tmp_path: Path) -> None:
    inbox.pull([wrote("One.")])
    for path in (tmp_path / "state").rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600)


def test_a_damaged_file(inbox: Inbox, tmp_path: Path) -> None:
    inbox.pull([wrote("One.")])
    path = tmp_path / "state/memory-inbox" / f"{inbox.open()[0].id}.json"
    path.write_text("{}")
    with pytest.raises(AgentOsError, match=f"{path} is no memory for review"):
        inbox.open()


@pytest.mark.parametrize("said", ["", "x", "../x", "ffffffffffff"])
def test_what_is_not_there(inbox: Inbox, said: str) -> None:
    inbox.pull([wrote("One.")])
    with pytest.raises(AgentOsError, match="there is no memory"):
        inbox.accept(said)


def test_several_at_once(inbox: Inbox, home: Path, tmp_path: Path) -> None:
    """Of many who accept the same, one does; pulls at the same time lose nothing."""
    inbox.pull([wrote("One.")])
    id = inbox.open()[0].id
    program = f"""
import sys
from pathlib import Path
from agentos.errors import AgentOsError
from agentos.memories.clients.entry import Entry
from agentos.memories.inbox import Inbox
inbox = Inbox(Path({str(home)!r}), Path({str(tmp_path / "state")!r}))
number = sys.argv[1]
inbox.pull([Entry("codex", "memory", number, "Text " + number, Path("/x"))])
try:
    inbox.accept({id!r})
except AgentOsError as error:
    assert "already" in str(error), error
else:
    print("accepted")
"""
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(n)], stdout=subprocess.PIPE)
        for n in range(6)
    ]
    said = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0] * 6
    assert sorted(said) == [b""] * 5 + [b"accepted\n"]
    assert len(load_memories(home)) == 1
    assert len(inbox.open()) == 6


WORDS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=9).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(WORDS, st.sampled_from(["codex", "claude"])), max_size=8),
    st.randoms(use_true_random=False),
)
def test_the_order_makes_no_difference(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[tuple[str, str]],
    shuffled: random.Random,
) -> None:
    place = tmp_path_factory.mktemp("inbox")
    entries = [wrote(text, client) for text, client in texts]

    def pulled(name: str) -> set[tuple[object, ...]]:
        inbox = Inbox(place, place / name)
        inbox.pull(entries)
        return {
            (each.id, each.text, frozenset(each.variants), each.origins) for each in inbox.open()
        }

    first = pulled("one")
    shuffled.shuffle(entries)
    assert pulled("two") == first
