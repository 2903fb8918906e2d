"""A browser signs in with a link, once, and out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.web.conftest import Look, Place


def test_a_link_signs_one_browser_in_once(place: Place, look: Look) -> None:
    link = place.link()
    page = look(link)
    expect(page.get_by_role("heading", name="Now")).to_be_visible()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    assert link.rpartition("/")[2] not in page.url
    assert "agentos_" not in page.evaluate("document.cookie")
    page.reload()
    expect(page.get_by_role("heading", name="Now")).to_be_visible()
    other = look(link)
    expect(other.get_by_role("heading", name="not signed in")).to_be_visible()
    expect(other.get_by_role("alert")).to_contain_text("agentos open")


def test_without_a_link_the_page_says_how(place: Place, look: Look) -> None:
    page = look(place.url)
    expect(page.get_by_role("heading", name="not signed in")).to_be_visible()
    page.get_by_label("The link, or the code").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("used already")
    page.get_by_label("The link, or the code").fill(place.link())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Now")).to_be_visible()


def test_signing_out_ends_what_the_browser_held(place: Place, look: Look) -> None:
    page = look(place.link())
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("cell", name="dashboard")).to_be_visible()
    kept = page.context.cookies()
    half = page.evaluate("localStorage.getItem('agentos.page')")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="not signed in")).to_be_visible()
    page.context.add_cookies(kept)  # type: ignore[arg-type]
    page.evaluate("half => localStorage.setItem('agentos.page', half)", half)
    page.reload()
    expect(page.get_by_role("heading", name="not signed in")).to_be_visible()
    assert "dashboard" not in place.agentos("token", "list")


def test_a_new_token_of_the_users_signs_every_browser_out(place: Place, look: Look) -> None:
    page = look(place.link())
    expect(page.get_by_role("heading", name="Now")).to_be_visible()
    place.agentos("token", "rotate")
    # By its address: a page that asked something meanwhile has no links any more.
    page.evaluate("location.hash = '#/portfolio'")
    expect(page.get_by_role("heading", name="not signed in")).to_be_visible()


def test_every_view_is_reached_by_keys(place: Place, look: Look) -> None:
    page = look(place.link())
    expect(page.get_by_role("heading", name="Now", level=1)).to_be_visible()
    for key, title in (
        ("e", "Sessions"),
        ("u", "Usage"),
        ("m", "Memory"),
        ("p", "Portfolio"),
        ("i", "Inbox"),
        ("l", "Log"),
        ("s", "Settings"),
    ):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
        expect(page).to_have_title(re.compile(title))
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option", name="Identity")).to_be_visible()
    page.keyboard.type("ident")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Identity", level=1)).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
