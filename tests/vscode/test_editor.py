"""The extension in a real editor: sidebar, status bar, commands, the dashboard's tab."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, expect
from tests.usage.reports.filling import made
from tests.vscode.conftest import EDITOR, NO_EDITOR, Editor, Open, Window
from tests.web.booking import book

pytestmark = pytest.mark.skipif(EDITOR is None, reason=f"there is no editor: {NO_EDITOR}")
SHOTS = os.environ.get("AGENTOS_SCREENSHOTS")

ASK = """async ([method, path]) => {
  try {
    const answer = await fetch(path, { method, headers: { "content-type": "application/json" },
      ...(method === "GET" ? {} : { body: "{}" }) });
    return answer.status;
  } catch (error) { return String(error); }
}"""
LEAVE = """url => new Promise(done => {
  const request = new XMLHttpRequest();
  request.onload = () => done("answered");
  request.onerror = () => done("stopped");
  request.open("GET", url);
  request.send();
})"""
RUN = """() => {
  window.ran = false;
  const script = document.createElement("script");
  script.textContent = "window.ran = true";
  document.body.append(script);
  const image = document.createElement("img");
  image.setAttribute("onerror", "window.ran = true");
  image.src = "nowhere.png";
  document.body.append(image);
  return new Promise(done => setTimeout(() => done(window.ran), 200));
}"""
#: Themes of the editor, with the dashboard's colours in them.
THEMES = {
    "Default Dark Modern": "dark",
    "Default High Contrast": "dark",
    "Default High Contrast Light": "light",
}


def keep(window: Window, name: str) -> None:
    if SHOTS:
        window.page.screenshot(path=Path(SHOTS) / f"vscode-{name}.png")


def heading(dashboard: FrameLocator, name: str) -> Any:
    return dashboard.get_by_role("heading", name=name, level=1)


def test_the_sidebar_tells_the_hub_and_the_portfolio(editor: Editor, window: Open) -> None:
    shown = window()

    expect(shown.line("Hub 0.1")).to_contain_text(editor.place.url)
    for page in ("Identity", "Preferences", "Projects"):
        expect(shown.line(page)).to_be_visible()
    shown.line("Identity").click()
    expect(shown.page.get_by_role("tab", name="identity.md")).to_be_visible()


def test_a_proposal_appears_and_leads_to_the_inbox(editor: Editor, window: Open) -> None:
    shown = window()
    expect(shown.line("Identity")).to_be_visible()

    reason = "Ada asked twice today."
    editor.place.propose(
        "identity", "Small commits", "Commits of one idea", reason=reason, client="codex"
    )
    editor.place.ask("POST", "/portfolio-read", {"file": "identity", "client": "codex"})

    shown.line("Inbox").wait_for()
    shown.page.get_by_role("treeitem", name="identity, codex").click()
    expect(heading(shown.dashboard, "Inbox")).to_be_visible()
    expect(shown.dashboard.get_by_text("Commits of one idea")).to_be_visible()


def test_the_status_bar_tells_what_today_cost(editor: Editor, window: Open) -> None:
    book(editor.place, [made(1, at=datetime.now(UTC))])
    said = json.loads(editor.place.agentos("usage", "today", "--json"))
    cost = said["total"]["cost"]
    assert cost > 0

    shown = window()

    expect(shown.cost).to_contain_text(f"{cost:.2f}")


def test_the_dashboard_is_live_in_a_tab(editor: Editor, window: Open) -> None:
    shown = window()
    shown.do("AgentOS: Open the Dashboard")
    dashboard = shown.dashboard
    expect(heading(dashboard, "Now")).to_be_visible()
    expect(dashboard.get_by_text("Live", exact=True)).to_be_visible()
    keep(shown, "tab")

    dashboard.get_by_role("link", name="Log", exact=True).click()
    expect(heading(dashboard, "Log")).to_be_visible()
    report = {"command": "review-pr", "client": "claude", "duration_ms": 3.0}
    editor.place.ask("POST", "/command-log", report)
    expect(dashboard.get_by_text("review-pr").first).to_be_visible()

    dashboard.get_by_role("link", name="Settings").click()
    expect(heading(dashboard, "Settings")).to_be_visible()
    expect(dashboard.get_by_role("button", name="Sign out")).to_have_count(0)

    shown.do("Developer: Reload Window")
    expect(heading(shown.dashboard, "Settings")).to_be_visible()


def test_a_key_of_the_page_does_not_reach_the_editor(window: Open) -> None:
    shown = window()
    shown.do("AgentOS: Open the Dashboard")
    expect(heading(shown.dashboard, "Now")).to_be_visible()
    shown.dashboard.locator("h1").click()

    shown.page.keyboard.press("Control+k")
    palette = shown.dashboard.get_by_role("dialog")
    expect(palette).to_be_visible()
    # After Ctrl+K the editor would take a `w` for closing all tabs.
    shown.page.keyboard.type("w")

    expect(palette.get_by_role("combobox")).to_have_value("w")
    expect(heading(shown.dashboard, "Now")).to_be_attached()


def test_a_killed_hub_is_told_and_found_again(editor: Editor, window: Open) -> None:
    shown = window()
    shown.do("AgentOS: Open the Dashboard")
    expect(shown.dashboard.get_by_text("Live", exact=True)).to_be_visible()

    editor.place.kill()
    expect(shown.dashboard.get_by_text("The hub does not answer").first).to_be_visible()
    expect(shown.page.get_by_text("The hub does not run.")).to_be_visible()
    shown.page.get_by_role("button", name="Start it", exact=True).click()

    expect(shown.line("Hub 0.1")).to_be_visible()
    expect(shown.dashboard.get_by_text("Live", exact=True)).to_be_visible()


def test_it_is_stopped_after_a_question(editor: Editor, window: Open) -> None:
    shown = window()

    shown.do("AgentOS: Stop the Hub")
    # What the editor tells in its corner is a dialog, too.
    dialog = shown.page.get_by_role("dialog").filter(has_text="Stop the AgentOS hub?")
    dialog.get_by_role("button", name="Stop").click()

    expect(shown.page.get_by_text("The hub does not run.")).to_be_visible()
    assert not (editor.place.state / "hub.json").exists()


def test_the_tab_holds_no_token_and_reaches_nothing_itself(editor: Editor, window: Open) -> None:
    shown = window()
    shown.do("AgentOS: Open the Dashboard")
    expect(shown.dashboard.get_by_text("Live", exact=True)).to_be_visible()
    page = shown.dashboard.locator("html")

    assert page.evaluate(f"(_, words) => ({ASK})(words)", ["GET", "/api/v1/hub"]) == 200
    for method, path in (("POST", "/api/v1/browser/codes"), ("GET", "/mcp"), ("GET", "/status")):
        refused = page.evaluate(f"(_, words) => ({ASK})(words)", [method, path])
        assert "not for the page" in refused
    url = f"{editor.place.url}/healthz"
    assert page.evaluate(f"(_, url) => ({LEAVE})(url)", url) == "stopped"
    assert page.evaluate(f"() => ({RUN})()") is False

    token = (editor.place.state / "token").read_text().strip()
    kept = "() => JSON.stringify([document.documentElement.outerHTML, { ...localStorage }])"
    assert token not in page.evaluate(kept)
    written = [one for one in editor.data.rglob("*") if one.is_file()]
    for each in (*written, editor.log):
        assert token.encode() not in each.read_bytes(), each


@pytest.mark.parametrize("theme", THEMES)
def test_it_has_the_colours_of_the_editor(editor: Editor, window: Open, theme: str) -> None:
    editor.settings(**{"workbench.colorTheme": theme})
    shown = window()
    shown.do("AgentOS: Open the Dashboard")

    expect(heading(shown.dashboard, "Now")).to_be_visible()
    expect(shown.dashboard.locator("html")).to_have_css("color-scheme", THEMES[theme])
    expect(shown.dashboard.get_by_text("Runs")).to_be_visible()
    keep(shown, theme.removeprefix("Default ").removesuffix(" Modern").lower().replace(" ", "-"))
