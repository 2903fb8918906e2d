"""What the screen shows of a hub, and what its keys do there."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from agentos.cli.top.picture import Budget, Costs, ModelUse, Session
from agentos.errors import AgentOsError
from agentos.testing.played_hub import PlayedHub

from .conftest import Look, Seen, asking


def row(seen: Seen, word: str) -> str:
    """The line of the screen that has a word in it."""
    return next(line for line in seen.text.splitlines() if word in line)


def keep_picture(seen: Seen) -> None:
    """Keep what is seen for the guide, if that is wanted; it loads no font from elsewhere."""
    if place := os.environ.get("AGENTOS_SCREENSHOTS"):
        picture = seen.app.export_screenshot(title="agentos top", simplify=True)
        without = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)
        (Path(place) / "top.svg").write_text(without)


async def test_sessions_with_state_model_turns_cost_and_last_line(
    look: Look, hub: PlayedHub
) -> None:
    async with look(hub.connect) as seen:
        await seen.until("http://127.0.0.1:3000", "2 live", "1 running", "1 to answer")
        found = row(seen, "gpt-5.6")
        for word in ("running", "codex", "3", "$0.1234", "Running them"):
            assert word in found
        assert "?" in row(seen, "claude")  # an unknown cost is not nothing
        hub.change("s-tests", state="idle", last_line="All green", turns=4, cost="0.2")
        await seen.until("All green", "idle", "$0.2000", "0 running")
        hub.put(Session("s-new", "pi", title="Another", state="starting", live=True))
        await seen.until("Another", "starting", "3 live")


async def test_cursor_stays_on_its_session_when_others_come(look: Look, hub: PlayedHub) -> None:
    async with look(hub.connect) as seen:
        await seen.until("Write the guide")
        await seen.press("down")
        first = Session("s-a", "codex", title="In front of all")
        hub.put(first)
        await seen.until("In front of all")
        await seen.press("enter")
        await seen.until("may it do this?", "rm -rf build")


async def test_transcript_is_followed(look: Look, hub: PlayedHub) -> None:
    hub.say("s-tests", "turn_started", {"prompt": [{"type": "text", "text": "Mend them"}]})
    hub.say("s-tests", "agent_message_chunk", {"content": {"text": "I look\nat the"}})
    async with look(hub.connect) as seen:
        await seen.until("Running them now")
        await seen.press("enter")
        await seen.until("> Mend them", "I look", "at the", "12.3k tokens")
        hub.say("s-tests", "agent_message_chunk", {"content": {"text": " code"}})
        await seen.until("at the code")
        hub.say("s-tests", "tool_call", {"toolCallId": "1", "command": "make test"})
        output = {"toolCallId": "1", "output": "12 passed\n", "exit_code": 0}
        hub.say("s-tests", "tool_call_update", output)
        await seen.until("$ make test", "12 passed", "exit 0")
        await seen.press("escape")
        await seen.until("1 Sessions")


async def test_transcript_is_wrapped_anew(look: Look, hub: PlayedHub) -> None:
    words = " ".join(f"word{number}" for number in range(12))
    hub.say("s-tests", "agent_message_chunk", {"content": {"text": f"{words}\n"}})
    async with look(hub.connect, (120, 30)) as seen:
        await seen.until("Running them now")
        await seen.press("enter")
        await seen.until("word0", "word11")
        assert "word11" in row(seen, "word0")
        await seen.pilot.resize_terminal(60, 20)
        await seen.until("word11")
        await seen.when(lambda: "word11" not in row(seen, "word0"))


async def test_twenty_thousand_events(look: Look, hub: PlayedHub) -> None:
    for number in range(20_000):
        hub.say("s-tests", "agent_message_chunk", {"content": {"text": f"line {number}\n"}})
    async with look(hub.connect) as seen:
        await seen.until("Running them now")
        await seen.press("enter")
        await seen.until("line 19999")


async def test_hostile_text_moves_nothing(look: Look, hub: PlayedHub) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07[red]not markup[/red]\u202egpj\x9b31m"
    hub.say("s-tests", "agent_message_chunk", {"content": {"text": f"{evil}\n"}})
    hub.change(
        "s-tests",
        title=evil,
        last_line=evil,
        agent=evil,
        model=evil,
        permissions=(asking(1, evil),),
    )
    hub.note("tool", evil, client=evil, outcome=evil, arguments={"path": evil})
    async with look(hub.connect) as seen:
        for keys in (["1"], ["2"], ["a"], ["escape"], ["4"], ["1", "enter"]):
            await seen.press(*keys)
            await seen.pilot.pause()
            assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(seen.text)
        await seen.until("[red]not markup[/red]")


# ---- answers ----


async def test_yes_answers_what_is_seen(look: Look, hub: PlayedHub) -> None:
    async with look(hub.connect) as seen:
        await seen.until("2 Approvals (1)")
        await seen.press("2")
        await seen.until("$ rm -rf build", "Write the guide")
        await seen.press("y")
        await seen.until("Nothing waits for an answer.", "2 running")
    assert hub.done == [("answer", "s-docs", "permission-1", "yes")]


async def test_no_in_the_transcript(look: Look, hub: PlayedHub) -> None:
    async with look(hub.connect) as seen:
        await seen.until("2 Approvals (1)")
        await seen.press("down", "enter")
        await seen.until("may it do this?", "rm -rf build")
        await seen.press("n")
        await seen.until("running", gone="may it do this?")
    assert hub.done == [("answer", "s-docs", "permission-1", "no")]


async def test_any_answer_by_its_number(look: Look, hub: PlayedHub) -> None:
    async with look(hub.connect) as seen:
        await seen.until("2 Approvals (1)")
        await seen.press("down", "a")
        await seen.until("1  Yes, once", "2  Always", "3  No", "rm -rf build")
        await seen.press("2")
        await seen.when(lambda: bool(hub.done))
    assert hub.done == [("answer", "s-docs", "permission-1", "always")]


async def test_yes_is_not_said_to_what_is_not_seen(look: Look, hub: PlayedHub) -> None:
    async with look(hub.connect) as seen:
        await seen.until("2 Approvals (1)")
        await seen.press("down", "y")
        await seen.until("nothing is asked here")
    assert hub.done == []


@pytest.mark.parametrize("keys", [["2"], ["down", "enter"]])
async def test_yes_does_not_slip_to_the_next_question(
    look: Look, hub: PlayedHub, keys: list[str]
) -> None:
    hub.change("s-docs", permissions=(asking(1, "ls"), asking(2, "rm -rf /")))
    async with look(hub.connect) as seen:
        await seen.until("2 Approvals (2)")
        await seen.press(*keys)
        await seen.until("$ ls")
        hub.change("s-docs", permissions=(asking(2, "rm -rf /"),))  # somebody else was first
        await seen.until("rm -rf /", gone="$ ls")
        await seen.press("y")
        await seen.until("it was answered elsewhere")
        assert hub.done == []
        await seen.press("n")
        await seen.when(lambda: bool(hub.done))
    assert hub.done == [("answer", "s-docs", "permission-2", "no")]


async def test_refused_answer_is_told(look: Look, hub: PlayedHub) -> None:
    hub.refusal = AgentOsError("somebody answered that already", code="permission_resolved")
    async with look(hub.connect) as seen:
        await seen.until("2 Approvals (1)")
        await seen.press("2", "y")
        await seen.until("somebody answered that already")


# ---- prompts and cancelling ----


async def test_prompt_is_sent(look: Look, hub: PlayedHub) -> None:
    async with look(hub.connect) as seen:
        await seen.until("Running them now")
        await seen.press("p")
        await seen.until("Tell Mend the tests")
        await seen.press("enter", *"do q", "enter")
        await seen.when(lambda: bool(hub.done))
        await seen.press("p", *"not this", "escape")
        await seen.until("1 Sessions", gone="Tell Mend")
    assert hub.done == [("prompt", "s-tests", "do q")]


async def test_cancel_asks_first(look: Look, hub: PlayedHub) -> None:
    async with look(hub.connect) as seen:
        await seen.until("Running them now")
        await seen.press("c")
        await seen.until("Cancel the turn of Mend the tests?")
        await seen.press("2")
        await seen.until("1 Sessions", gone="Cancel the turn")
        assert hub.done == []
        await seen.press("c")
        await seen.until("Cancel the turn")
        await seen.press("1")
        await seen.when(lambda: bool(hub.done))
        await seen.press("down", "down", "c")
        await seen.until("it has no turn under way")
    assert hub.done == [("cancel", "s-tests")]


# ---- costs and log ----


async def test_costs_by_model_with_budgets(look: Look, hub: PlayedHub) -> None:
    course = (0, 10, 80)
    hub.spent = Costs(
        "USD",
        ModelUse("", 14, 130_000, 1.25, 2, course),
        (ModelUse("gpt-5.6", 12, 123_000, 1.25, 0, course), ModelUse("mystery", 2, 7000, None, 2)),
    )
    hub.limits = (
        Budget("each day", "$5.00", 0.25, 0.5, True),
        Budget("shop, each day", "1,000 tokens", 1.2, 2.0, False),
    )
    async with look(hub.connect) as seen:
        await seen.until("today ≥ $1.25", "▂█", "budget 120%")
        keep_picture(seen)
        await seen.press("3")
        await seen.until("today by model", "gpt-5.6", "123.0k", "mystery", "total")
        assert "?" in row(seen, "mystery")
        assert "25%" in row(seen, "each day ")
        assert "120%" in row(seen, "shop, each day")


async def test_log_follows_and_filters(look: Look, hub: PlayedHub) -> None:
    hub.note("tool", "agentOS_fs_read", client="codex", arguments={"path": "a.txt"})
    hub.note("tool", "agentOS_git_push", client="claude", outcome="push_refused")
    async with look(hub.connect) as seen:
        await seen.until("Running them now")
        await seen.press("4")
        await seen.until("agentOS_fs_read", "a.txt", "push_refused agentOS_git_push")
        hub.note("http", "GET /status", client="cursor")
        await seen.until("GET /status")
        await seen.press("slash", *"codex", "enter")
        await seen.until("agentOS_fs_read", gone="GET /status")
        hub.note("tool", "agentOS_fs_list", client="codex")
        hub.note("tool", "unseen", client="cursor")
        await seen.until("agentOS_fs_list", gone="unseen")
        await seen.press("slash", *["backspace"] * 5, *"error")
        await seen.until("push_refused", gone="agentOS_fs_list")


async def test_a_busy_log_is_kept_within_bounds(look: Look, hub: PlayedHub) -> None:
    async with look(hub.connect) as seen:
        await seen.until("Running them now")
        await seen.press("4")
        for number in range(3000):
            hub.note("tool", f"call-{number}")
        await seen.until("call-2999")
        assert len(seen.app.watch_hub.picture.log) == 500


# ---- the hub goes and comes ----


async def test_lost_hub_is_said_and_found_again(look: Look, hub: PlayedHub) -> None:
    hub.say("s-tests", "agent_message_chunk", {"content": {"text": "before\n"}})
    async with look(hub.connect) as seen:
        await seen.until("Running them now")
        await seen.press("enter")
        await seen.until("before")
        hub.go()
        await seen.press("escape")
        await seen.until("not current", "does not answer", "Running them now")
        await seen.press("p", *"lost", "enter")
        await seen.until("does not answer just now")
        await seen.press("enter")
        hub.say("s-tests", "agent_message_chunk", {"content": {"text": "meanwhile\n"}})
        hub.come_back()
        await seen.until("before", "meanwhile")
        assert seen.text.count("before") == 1
        await seen.press("escape")
        await seen.until("AgentOS hub http://127.0.0.1:3000")
        hub.change("s-tests", last_line="Here again")
        await seen.until("Here again")


async def test_empty_hub_says_what_to_do(look: Look) -> None:
    async with look(PlayedHub().connect) as seen:
        await seen.until("No session yet: `agentos run codex '...'` starts one.")
        await seen.press("2")
        await seen.until("Nothing waits for an answer.")
        await seen.press("3")
        await seen.until("Nothing was used today.", "agentos budget set")
        await seen.press("p", "c", "a", "y", "enter")  # nothing to do anything to


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_ends(look: Look, hub: PlayedHub, key: str) -> None:
    async with look(hub.connect) as seen:
        await seen.until("Running them now")
        await seen.press(key)
        await seen.when(lambda: not seen.app.is_running)
    assert seen.app.return_code == 0
