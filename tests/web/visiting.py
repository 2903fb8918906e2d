"""Going to places of the page, and waiting for what is drawn there."""

from __future__ import annotations

from playwright.sync_api import Page, expect

_GO = """path => new Promise(done => {
  const wanted = new URL(`#/${path}`, location.href).hash;
  if (wanted === location.hash) return done();
  addEventListener("hashchange", done, { once: true });
  location.hash = wanted;
})"""
_DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def go(page: Page, path: str) -> None:
    """Go to a place of the page; what was shown before is gone then."""
    page.evaluate(_GO, path)
    drawn(page)


def visit(page: Page, path: str, title: str) -> None:
    """Go to a view of this title, and wait until it has loaded what it shows."""
    go(page, path)
    expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
    expect(page.get_by_label("Loading")).to_have_count(0)


def drawn(page: Page) -> None:
    """Wait until what is to be drawn is drawn."""
    page.evaluate(_DRAWN)
