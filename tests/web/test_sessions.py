"""Sessions of the real Codex, begun, followed, steered and ended in the page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from playwright.sync_api import Page, Route, expect
from tests.web.conftest import PATIENCE
from tests.web.sessions import played
from tests.web.visiting import drawn, go

from agentos.models.rehearsal import Step, When

if TYPE_CHECKING:
    from tests.web.conftest import Look, Place

RED = "printf '\\033[31mred\\n'; exit 3"
PATCH = "*** Begin Patch\n*** Add File: hello.py\n+print('hi')\n*** End Patch"


def show(page: Page, session: str, tab: str = "") -> None:
    go(page, f"session/{session}" + (f"/{tab}" if tab else ""))
    expect(page.get_by_role("navigation", name="Parts of the session")).to_be_visible()


def send(page: Page, prompt: str) -> None:
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_label("Prompt").press("Control+Enter")
    expect(page.get_by_label("Prompt")).to_have_value("")


def test_a_session_is_begun_followed_and_ended_in_the_page(place: Place, look: Look) -> None:
    steps = [
        Step(
            think="**Weighing** it", say="I will **look**.", run="printf '\\033[31mred\\n'; exit 3"
        ),
        Step(say="Now a file.", patch=PATCH),
        Step(say="Done, *all* of it."),
        Step(say="You are welcome."),
    ]
    with played(place, *steps) as model:
        page = look(place.link())
        page.get_by_role("link", name="Start a session").click()
        page.get_by_label("Prompt").fill("Say hello\nplease")
        page.get_by_label("Permission").select_option("allow")
        page.get_by_label("Model").fill("gpt-5.5")
        page.get_by_text("More", exact=True).click()
        page.get_by_label("Environment").fill(model.env_lines)
        page.get_by_role("button", name="Start").click()
        title = page.get_by_role("heading", name="Say hello", level=1)
        expect(title).to_be_visible()
        said = page.get_by_role("region", name="Transcript")
        expect(said.get_by_text("Turn 1 · done")).to_be_visible()
        expect(said.get_by_text("look", exact=True)).to_be_attached()
        expect(said.locator("strong", has_text="look")).to_have_count(1)
        expect(said.get_by_text("exit 3", exact=True)).to_have_count(1)
        expect(said.locator(".ansi-1", has_text="red")).to_have_count(1)
        expect(said.get_by_text("+print('hi')")).to_have_count(1)
        thought = said.locator("details", has_text="Thought").first
        expect(thought).not_to_have_attribute("open", "")
        send(page, "Thank you")
        expect(said.get_by_text("You are welcome.")).to_be_visible()
        expect(said.get_by_text("Turn 2 · done")).to_be_visible()
        page.get_by_role("link", name="Usage", exact=True).last.click()
        expect(page.get_by_role("row", name="All turns")).to_be_visible()
        expect(page.get_by_role("cell", name="Thank you")).to_be_visible()
        page.get_by_role("link", name="Transcript").click()
        page.get_by_role("button", name="End", exact=True).click()
        expect(page.get_by_text("Ended", exact=True)).to_be_visible()
        expect(said.get_by_text("You are welcome.")).to_be_visible()


def test_what_is_answered_in_the_page_is_obeyed(place: Place, look: Look) -> None:
    touch = "touch /home/agentos/{}"
    steps = [
        Step(run=touch.format("first")),
        Step(say="So be it.", run=touch.format("second")),
        Step(say="It is done."),
    ]
    with played(place, *steps) as model:
        page = look(place.link())
        session = model.begin(prompt="Touch two files")
        card = page.get_by_role("article", name="Touch two files")
        expect(card.get_by_text("Waits for you")).to_be_visible()
        card.get_by_role("button", name="Reject").click()
        show(page, session)
        asked = page.get_by_role("region", name="The agent asks")
        expect(asked.get_by_text("touch /home/agentos/second", exact=True)).to_be_visible()
        page.keyboard.press("Alt+1")
        said = page.get_by_role("region", name="Transcript")
        expect(said.get_by_text("It is done.")).to_be_visible()
        expect(asked).to_have_count(0)
        found = place.ask("GET", f"/api/v1/sessions/{session}/files?path=/home/agentos")
        names = {entry["name"] for entry in found["entries"]}
        assert "second" in names
        assert "first" not in names


def test_a_turn_is_cancelled_from_the_palette(place: Place, look: Look) -> None:
    with played(place, Step(say="I wait.", run="sleep 1000"), Step(say="Never.")) as model:
        page = look(place.link())
        session = model.begin(prompt="Wait", permission="allow")
        show(page, session)
        said = page.get_by_role("region", name="Transcript")
        expect(said.get_by_text("sleep 1000")).to_be_visible()
        page.keyboard.press("Control+k")
        page.keyboard.type("cancel turn")
        page.keyboard.press("Enter")
        expect(said.get_by_text("Turn 1 · cancelled")).to_be_visible()
        expect(page.get_by_text("Idle", exact=True)).to_be_visible()


def test_an_answer_that_comes_late_brings_nothing_old_back(place: Place, look: Look) -> None:
    late: list[Route] = []

    def hold(route: Route) -> None:
        route.fetch(timeout=1000 * PATIENCE)
        late.append(route)

    with played(place, Step(say="I wait.", run="sleep 1000"), Step(say="Never.")) as model:
        page = look(place.link())
        session = model.begin(prompt="Wait", permission="allow")
        show(page, session)
        expect(page.get_by_text("sleep 1000")).to_be_visible()
        before = model.state(session)
        page.route("**/cancel", hold)
        page.get_by_role("button", name="Cancel the turn").click()
        idle = page.get_by_text("Idle", exact=True)
        expect(idle).to_be_visible()
        with page.expect_response("**/cancel"):
            late[0].fulfill(json=before)
        drawn(page)
        assert idle.is_visible()


def test_a_terminal_is_typed_into_and_is_there_again(place: Place, look: Look) -> None:
    with played(place, Step(say="Hello.")) as model:
        page = look(place.link())
        session = model.begin()
        show(page, session, "terminal")
        rows = page.locator(".xterm-rows")
        expect(rows).to_contain_text("$")
        page.keyboard.type("echo $((6 * 7)); stty size > size\n")
        expect(rows).to_contain_text("42")
        page.reload()
        expect(rows).to_contain_text("42")
        page.locator(".xterm-helper-textarea").focus()
        page.keyboard.type("echo so it is the $((1 + 1))nd time\n")
        expect(rows).to_contain_text("so it is the 2nd time")
        page.keyboard.type("exit\n")
        expect(page.get_by_text("This terminal has ended")).to_be_visible()


def test_changes_and_files_are_seen_and_applied(place: Place, look: Look) -> None:
    workspace = place.root / "places" / "instrument"
    (workspace / "notes.md").write_text("one\n")
    steps = [
        Step(run="echo two >> notes.md; mkdir src; echo 'x = 1' > src/x.py"),
        Step(say="Done."),
    ]
    with played(place, *steps) as model:
        page = look(place.link())
        wanted = {"prompt": "Write", "permission": "allow", "workspace": str(workspace)}
        session = model.begin(**wanted)
        show(page, session)
        expect(page.get_by_text("Turn 1 · done")).to_be_visible()
        page.get_by_role("link", name="Files", exact=True).click()
        page.get_by_role("button", name="src").click()
        page.get_by_role("button", name="x.py").click()
        expect(page.get_by_role("region", name="Text of the file")).to_have_text("x = 1\n")
        page.get_by_role("link", name="Changes", exact=True).click()
        changed = page.get_by_role("list", name="Files that changed")
        expect(changed.get_by_role("listitem")).to_have_count(2)
        expect(page.get_by_text("+two")).to_be_visible()
        page.get_by_role("button", name="Apply to the workspace").click()
        expect(page.get_by_text("2 files were written.")).to_be_visible()
        assert (workspace / "notes.md").read_text() == "one\ntwo\n"
        assert (workspace / "src" / "x.py").read_text() == "x = 1\n"


def test_two_pages_follow_one_session(place: Place, look: Look) -> None:
    ask = Step(say="May I?", run="touch /home/agentos/x")
    with played(place, ask, Step(say="Thanks."), Step(say="Gladly.")) as model:
        session = model.begin(prompt="Ask first")
        pages = [look(place.link()), look(place.link())]
        for page in pages:
            show(page, session)
            expect(page.get_by_role("region", name="The agent asks")).to_be_visible()
        pages[0].get_by_role("button", name="Allow once").click()
        for page in pages:
            expect(page.get_by_text("Thanks.")).to_be_visible()
            expect(page.get_by_role("region", name="The agent asks")).to_have_count(0)
        send(pages[1], "Once more")
        for page in pages:
            expect(page.get_by_text("Once more", exact=True)).to_be_visible()
            expect(page.get_by_text("Gladly.")).to_be_visible()


def test_the_hub_is_killed_under_the_page(place: Place, look: Look) -> None:
    steps = [
        Step(when=When(user="Colour"), say="Blue, as it was said before."),
        Step(when=When(user="My colour"), say="I know it."),
    ]
    with played(place, *reversed(steps)) as model:
        session = model.begin(prompt="My colour is blue")
        page = look(place.link())
        show(page, session)
        said = page.get_by_role("region", name="Transcript")
        expect(said.get_by_text("I know it.")).to_be_visible()
        expect(said.get_by_text("Turn 1 · done")).to_be_visible()
        port = urlsplit(place.url).port
        place.kill()
        expect(page.get_by_text("what comes meanwhile is shown then")).to_be_visible()
        place.up(port or 0)
        expect(page.get_by_text("Interrupted", exact=True)).to_be_visible()
        expect(said.get_by_text("I know it.")).to_have_count(1)
        page.get_by_text("Environment", exact=True).click()
        page.get_by_label("One NAME=value a line").fill(model.env_lines)
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_text("Idle", exact=True)).to_be_visible()
        send(page, "Colour?")
        expect(said.get_by_text("Blue, as it was said before.")).to_be_visible()
        expect(said.get_by_text("I know it.")).to_have_count(1)
        model.place.ask("DELETE", f"/api/v1/sessions/{session}")


def test_a_fork_is_a_session_of_its_own(place: Place, look: Look) -> None:
    with played(place, Step(say="Noted.")) as model:
        session = model.begin(prompt="We write a parser")
        page = look(place.link())
        show(page, session)
        expect(page.get_by_text("Turn 1 · done")).to_be_visible()
        page.get_by_role("button", name="Fork").click()
        page.wait_for_function("id => !location.hash.includes(id)", arg=session)
        drawn(page)
        expect(page.get_by_text("Idle", exact=True)).to_be_visible()
        send(page, "And now?")
        expect(page.get_by_text("Noted.")).to_be_visible()
        page.get_by_role("link", name="Sessions", exact=True).click()
        expect(page.get_by_role("article")).to_have_count(2)


def test_what_cannot_begin_says_why(place: Place, look: Look) -> None:
    page = look(place.link())
    go(page, "session/new")
    page.get_by_label("Workspace").fill("relative/path")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("begins with /")
    page.get_by_label("Workspace").fill(str(place.root / "nowhere"))
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("nowhere")
