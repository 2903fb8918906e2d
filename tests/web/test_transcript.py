"""A transcript of any length is read, filtered and followed with what is seen in the document."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page, Route, expect
from tests.web.conftest import PATIENCE
from tests.web.sessions import played, store
from tests.web.visiting import drawn, go

from agentos.models.rehearsal import Step

if TYPE_CHECKING:
    from tests.web.conftest import Look, Place

EVENTS = 20_000
#: The elements of a whole page with a screen and a half of transcript.
MOST_ELEMENTS = 1_500
#: What the first item that is seen says, and how far the list is scrolled.
SEEN = """() => {
  const box = document.querySelector('.virtual');
  const edge = box.getBoundingClientRect().top;
  const first = [...box.querySelectorAll('li')].find(
    item => item.getBoundingClientRect().bottom > edge + 1);
  return [box.scrollTop, first?.textContent ?? ''];
}"""
#: Whether the list is scrolled, and what is there is drawn.
MOVED = f"""before => {{
  const [top, text] = ({SEEN})();
  return text !== '' && (top !== before[0] || text !== before[1]);
}}"""


def work() -> Iterator[tuple[str, dict[str, Any]]]:
    """What a busy agent does: it says, runs, edits, without an end."""
    turn = 0
    while True:
        turn += 1
        prompt = [{"type": "text", "text": f"Prompt {turn}"}]
        yield "turn_started", {"turn": turn, "prompt": prompt}
        for piece in range(20):
            text = {"type": "text", "text": f"word {piece} of **turn {turn}** "}
            yield "agent_message_chunk", {"messageId": f"m{turn}", "content": text}
        for call in range(4):
            id, command = f"c{turn}-{call}", f"make step-{turn}-{call}"
            begun = {"toolCallId": id, "title": command, "kind": "execute", "command": command}
            yield "tool_call", begun | {"status": "in_progress"}
            for line in range(3):
                yield "tool_call_update", {"toolCallId": id, "output": f"line {line}\n"}
            yield "tool_call_update", {"toolCallId": id, "status": "completed", "exit_code": 0}
        usage = {"input_tokens": 1000, "output_tokens": 100}
        yield "turn_ended", {"turn": turn, "stop_reason": "end_turn", "usage": usage, "error": None}


def show(page: Page, session: str) -> None:
    go(page, f"session/{session}")
    expect(page.get_by_role("region", name="Transcript")).to_be_visible()


def elements(page: Page) -> int:
    count: int = page.evaluate("document.querySelectorAll('*').length")
    return count


def test_a_long_transcript_scrolls_by_keys_and_wheel(place: Place, look: Look) -> None:
    source = work()
    store(place, [next(source) for _ in range(EVENTS)], id="long")
    page = look(place.link())
    show(page, "long")
    said = page.get_by_role("region", name="Transcript")
    expect(said.get_by_text(f"Prompt {EVENTS // 42 + 1}", exact=True)).to_be_visible()
    assert elements(page) < MOST_ELEMENTS

    for keys in (["PageUp"] * 20, ["ArrowUp"] * 20, ["ArrowDown"] * 20, ["PageDown"] * 10):
        for key in keys:
            before = page.evaluate(SEEN)
            page.keyboard.press(key)
            page.wait_for_function(MOVED, arg=before)
        assert elements(page) < MOST_ELEMENTS

    said.hover()
    for _ in range(30):
        before = page.evaluate(SEEN)
        page.mouse.wheel(0, -400)
        page.wait_for_function(MOVED, arg=before)
    assert elements(page) < MOST_ELEMENTS

    # What was before is loaded when its place is reached, as often as it takes.
    first = said.get_by_text("Prompt 1", exact=True)
    deadline = time.monotonic() + PATIENCE
    while not first.is_visible():
        assert time.monotonic() < deadline, "the beginning is not reached"
        page.keyboard.press("Home")
        drawn(page)
    assert elements(page) < MOST_ELEMENTS
    page.keyboard.press("End")
    expect(said.get_by_text(f"Prompt {EVENTS // 42 + 1}", exact=True)).to_be_visible()

    page.get_by_label("Find in the transcript").fill("make step-7-2")
    expect(said.get_by_role("listitem")).to_have_count(1)
    expect(said.get_by_text("make step-7-2")).to_be_visible()


def test_older_events_do_not_move_what_is_read(place: Place, look: Look) -> None:
    source = work()
    store(place, [next(source) for _ in range(3_000)], id="long")
    page = look(place.link())
    show(page, "long")
    expect(page.get_by_text("Prompt 72", exact=True)).to_be_visible()
    page.keyboard.press("PageUp")
    held: list[Route] = []
    page.route("**/events?before=*", lambda route: held.append(route))
    with page.expect_request("**/events?before=*"):
        page.evaluate("document.querySelector('.virtual').scrollTop = 900")
    drawn(page)
    read = page.evaluate(SEEN)[1]
    assert read != ""
    held[0].continue_()
    page.wait_for_function(
        f"read => {{ const [top, text] = ({SEEN})(); return top > 3000 && text === read; }}",
        arg=read,
    )


def test_who_reads_is_not_taken_away_by_what_comes(place: Place, look: Look) -> None:
    many = "\n\n".join(f"Paragraph {number}." for number in range(80))
    steps = [Step(say=many), Step(say="The second answer.")]
    with played(place, *steps) as model:
        session = model.begin(prompt="Write a lot")
        page = look(place.link())
        show(page, session)
        said = page.get_by_role("region", name="Transcript")
        expect(said.get_by_text("Turn 1 · done")).to_be_in_viewport()
        page.keyboard.press("PageUp")
        button = page.get_by_role("button", name="To the end")
        expect(button).to_be_visible()
        drawn(page)
        before = page.evaluate(SEEN)
        place.ask("POST", f"/api/v1/sessions/{session}/prompts", {"text": "More"})
        fresh = page.get_by_role("button", name="3 new")
        expect(fresh).to_be_visible()
        assert page.evaluate(SEEN) == before
        fresh.click()
        expect(said.get_by_text("Turn 2 · done")).to_be_in_viewport()
        expect(fresh).to_have_count(0)
