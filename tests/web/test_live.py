"""The page shows what happens as it happens, and goes on when its hub was away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from playwright.sync_api import Route, expect
from tests.web.conftest import PATIENCE
from tests.web.visiting import visit

if TYPE_CHECKING:
    from tests.web.conftest import Look, Place


def run(place: Place, command: str) -> None:
    place.ask("POST", "/command-log", {"command": command, "client": "claude"})


def test_the_log_is_live_filtered_and_paged(place: Place, look: Look) -> None:
    page = look(place.link())
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    run(place, "review-pr")
    row = page.get_by_role("listitem").filter(has_text="review-pr")
    expect(row).to_be_visible()
    row.locator("summary").click()
    expect(row.get_by_text("Token")).to_be_visible()

    page.get_by_label("Kind").select_option("command")
    expect(page.get_by_text("POST /command-log")).to_have_count(0)
    for number in range(110):
        run(place, f"skill-{number:03}")
    expect(page.get_by_text("skill-109")).to_be_visible()
    expect(page.get_by_text("skill-000")).to_be_attached()
    page.reload()
    expect(page.get_by_text("skill-109")).to_be_visible()
    expect(page.get_by_text("skill-000")).to_have_count(0)
    page.get_by_role("button", name="Show older").click()
    expect(page.get_by_text("skill-000")).to_be_attached()

    page.get_by_label("Name").fill("skill-042")
    page.get_by_label("Name").press("Enter")
    expect(page.get_by_role("list", name="Events").get_by_role("listitem")).to_have_count(1)
    page.get_by_role("button", name="Pause").click()
    run(place, "skill-042")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("list", name="Events").get_by_role("listitem")).to_have_count(2)


def test_a_hub_that_was_killed_is_found_again_and_nothing_is_missed(
    place: Place, look: Look
) -> None:
    page = look(f"{place.link()}")
    page.get_by_role("link", name="Log", exact=True).click()
    run(place, "before")
    expect(page.get_by_text("before", exact=True)).to_be_visible()
    port = urlsplit(place.url).port
    place.kill()
    expect(page.get_by_text("The hub does not answer", exact=True)).to_be_visible()
    place.up(port or 0)
    run(place, "meanwhile")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.get_by_text("meanwhile", exact=True)).to_be_visible()
    run(place, "after")
    expect(page.get_by_text("after", exact=True)).to_be_visible()
    expect(page.get_by_text("before", exact=True)).to_have_count(1)


def test_a_proposal_is_accepted_in_the_page(place: Place, look: Look) -> None:
    said = "She said so today"
    place.propose("identity", "Small commits", "Tiny commits", reason=said, client="codex")
    page = look(place.link())
    expect(page.get_by_label("1 waiting")).to_be_visible()
    page.get_by_role("link", name="Inbox").click()
    expect(page.get_by_text("She said so today")).to_be_visible()
    expect(page.get_by_text("+- Tiny commits")).to_be_visible()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("identity was changed.")).to_be_visible()
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    assert "Tiny commits" in (place.portfolio / "identity.md").read_text()
    page.get_by_role("link", name="Portfolio").click()
    page.get_by_role("link", name="Identity").click()
    expect(page.get_by_text("Tiny commits")).to_be_visible()


def test_a_proposal_for_a_page_that_changed_is_not_forced(place: Place, look: Look) -> None:
    place.propose("identity", "Small commits", "Tiny commits", reason="why", client="codex")
    file = place.portfolio / "identity.md"
    file.write_text(file.read_text().replace("Small commits", "Huge commits"))
    page = look(f"{place.link()}")
    page.get_by_role("link", name="Inbox").click()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("alert")).to_contain_text("changed since")
    page.get_by_label("Why you reject it").fill("it was meant otherwise")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("identity stays as it is.")).to_be_visible()
    assert "Huge commits" in file.read_text()


def test_a_page_says_who_read_it(place: Place, look: Look) -> None:
    page = look(place.link())
    page.get_by_role("link", name="Portfolio").click()
    page.get_by_role("link", name="Identity").click()
    expect(page.get_by_text("No agent has read this page yet")).to_be_visible()
    place.ask("POST", "/portfolio-read", {"file": "identity", "client": "gemini"})
    expect(page.get_by_role("cell", name="gemini")).to_be_visible()


def test_what_came_before_the_stream_was_open_is_shown(place: Place, look: Look) -> None:
    page = look(place.url)
    streams: list[Route] = []
    page.route("**/api/v1/events", lambda route: streams.append(route))
    page.goto(place.link())
    visit(page, "portfolio/identity", "Identity")
    expect(page.get_by_text("No agent has read this page yet")).to_be_visible()
    place.ask("POST", "/portfolio-read", {"file": "identity", "client": "gemini"})
    deadline = time.monotonic() + PATIENCE
    while not place.ask("GET", "/api/v1/log?kind=portfolio_read")["events"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    streams[0].continue_()
    expect(page.get_by_role("cell", name="gemini")).to_be_visible()


def test_the_settings_are_shown(place: Place, look: Look) -> None:
    place.agentos("token", "create", "--scope", "portfolio:read", "--name", "editor")
    page = look(place.link())
    page.get_by_role("link", name="Settings").click()
    for text in ("editor", "make all", str(place.root / "places"), "identity, pref*"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible()
    expect(page.get_by_text("This host was not examined yet")).to_be_visible()
    page.get_by_role("button", name="Examine this host").click()
    expect(page.get_by_role("cell", name="machine", exact=True)).to_be_visible()
