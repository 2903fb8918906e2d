"""Appending, owning, compacting, reading and finding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from tests.sessions.transcripts.conftest import all_of, chunk, event

from agentos.errors import SessionNotFound, SessionTaken
from agentos.sessions.events import SessionEvent
from agentos.sessions.transcripts import SessionRecord, Transcripts
from agentos.sessions.transcripts.export import as_json_lines, as_markdown
from agentos.sessions.transcripts.rows import compacted, events_of
from agentos.store.tables import EVENTS


async def test_events_come_back_as_they_were(transcripts: Transcripts, epoch: int) -> None:
    events = [event(1, "note", text="ä\n\U0001f600", deep={"a": [1, None]}), event(2), event(3)]
    await transcripts.append("s", epoch, events)
    assert await all_of(transcripts) == events
    assert await all_of(transcripts, after=2) == events[2:]
    assert [e.seq async for e in transcripts.read("s", 0, limit=2)] == [1, 2]
    assert (await transcripts.get("s")).last_seq == 3


@pytest.mark.parametrize("first", [1, 2, 4], ids=["again", "overlapping", "with a hole"])
async def test_only_what_follows_is_appended(
    transcripts: Transcripts, epoch: int, first: int
) -> None:
    await transcripts.append("s", epoch, [event(1), event(2)])
    with pytest.raises(SessionTaken):
        await transcripts.append("s", epoch, [event(first), event(first + 1)])
    assert len(await all_of(transcripts)) == 2


async def test_a_former_owner_can_write_no_more(transcripts: Transcripts, epoch: int) -> None:
    await transcripts.append("s", epoch, [event(1)])
    new = await transcripts.claim("s")
    with pytest.raises(SessionTaken, match="session s"):
        await transcripts.append("s", epoch, [event(2)])
    with pytest.raises(SessionTaken):
        await transcripts.change("s", epoch, title="mine")
    await transcripts.append("s", new, [event(2)])
    await transcripts.change("s", new, title="ours")
    record = await transcripts.get("s")
    assert (record.last_seq, record.title) == (2, "ours")


async def test_compacting_changes_no_reader(transcripts: Transcripts, epoch: int) -> None:
    events = [event(1, "turn_started", turn=1, prompt=[]), chunk(2, "Hel"), chunk(3, "lo")]
    events += [chunk(4, "other", "m2"), event(5, "tool_call"), chunk(6, "a"), chunk(7, "b")]
    await transcripts.append("s", epoch, events)
    await transcripts.compact("s", epoch)
    for after in range(8):
        assert await all_of(transcripts, after) == events[after:]
    async with transcripts._store.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(EVENTS)) == 5
    await transcripts.append("s", epoch, [chunk(8, "c")])
    await transcripts.compact("s", epoch)
    await transcripts.compact("s", epoch)
    assert [e.seq for e in await all_of(transcripts)] == list(range(1, 9))


@given(st.lists(st.tuples(st.sampled_from(["m1", "m2", None]), st.text(max_size=3)), max_size=12))
def test_rows_of_any_run_give_its_events(run: list[tuple[str | None, str]]) -> None:
    events = [
        event(seq) if message is None else chunk(seq, text, message)
        for seq, (message, text) in enumerate(run, 1)
    ]
    assert [e for row in compacted(events) for e in events_of(row)] == events


async def test_more_than_a_page(transcripts: Transcripts, epoch: int) -> None:
    events = [event(seq) for seq in range(1, 1301)]
    await transcripts.append("s", epoch, events)
    assert await all_of(transcripts) == events


async def test_words_are_found_across_sessions(transcripts: Transcripts, epoch: int) -> None:
    said: list[SessionEvent] = [
        chunk(1, "The quick bro"),
        chunk(2, "wn fox"),
        chunk(3, "slow", "m2"),
    ]
    said.append(event(4, "tool_call", command="grep -r needle ."))
    await transcripts.append("s", epoch, said)
    assert await transcripts.search("brown") == []
    await transcripts.compact("s", epoch)
    (found,) = await transcripts.search("brown quick")
    assert (found.session_id, found.seq) == ("s", 1)
    assert "[brown]" in found.snippet
    assert [hit.seq for hit in await transcripts.search("needle")] == [4]
    assert [hit.seq for hit in await transcripts.search('"quick brown"')] == [1]
    for odd in ("", '"', "AND OR (", "near:(", "'; drop table session; --"):
        assert await transcripts.search(odd) == []
    await transcripts.remove("s")
    assert await transcripts.search("brown") == []


async def test_sessions_are_listed_by_their_latest_event(transcripts: Transcripts) -> None:
    for name, machine in (("a", "box"), ("b", "box"), ("c", "other")):
        owner = await transcripts.create(SessionRecord(name, "codex", machine))
        at = {"a": 3000.0, "b": 2000.0, "c": 1000.0}[name]
        await transcripts.append(name, owner, [SessionEvent(1, name, at, "note", {})])
    assert [record.id for record in await transcripts.sessions()] == ["a", "b", "c"]
    assert [record.id for record in await transcripts.sessions(machine="other")] == ["c"]
    assert len(await transcripts.sessions(limit=1)) == 1


async def test_a_session_that_is_not_there(transcripts: Transcripts) -> None:
    with pytest.raises(SessionNotFound, match="'x'"):
        await transcripts.get("x")
    with pytest.raises(SessionNotFound):
        await transcripts.claim("x")
    with pytest.raises(SessionNotFound):
        await transcripts.remove("x")


async def test_exports(transcripts: Transcripts, epoch: int) -> None:
    edit = {"path": "a.txt", "old_text": "one\n", "new_text": "two\n"}
    events = [
        event(1, "turn_started", turn=1, prompt=[{"type": "text", "text": "Fix it."}]),
        chunk(2, "I lo"),
        chunk(3, "ok."),
        event(4, "tool_call", command="make test", title="make test"),
        event(5, "tool_call_update", full_output="```\nfailed\n", exit_code=2),
        event(6, "tool_call_update", edits=[edit], **edit),
        chunk(7, "Done.", "m2"),
    ]
    await transcripts.append("s", epoch, events)
    record = await transcripts.get("s")
    lines = [line async for line in as_json_lines(record, transcripts.read("s"))]
    assert len(lines) == 8
    assert '"agent": "codex"' in lines[0]
    text = "".join([part async for part in as_markdown(record, transcripts.read("s"))])
    assert "## Prompt\n\nFix it.\n" in text
    assert "I look." in text
    assert "```console\n$ make test\n```" in text
    assert "````\n```\nfailed\n````" in text
    assert "exit code 2" in text
    assert "-one\n+two" in text
    assert text.rstrip().endswith("Done.")
