"""The memory view: what every client knows, promoted, reviewed, and decided only as it was read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from playwright.sync_api import expect
from tests.web.remembering import KEY, put, write_memories
from tests.web.visiting import visit

if TYPE_CHECKING:
    from tests.web.conftest import Look, Place


def names(place: Place) -> set[str]:
    rows = [json.loads(line) for line in place.agentos("memory", "list", "--json").splitlines()]
    return {row["name"] for row in rows}


def test_what_a_client_wrote_is_promoted(place: Place, look: Look) -> None:
    write_memories(place)
    page = look(place.link())
    visit(page, "memory", "Memory")
    claude = page.get_by_role("region", name="Claude")
    expect(claude.get_by_role("link")).to_have_count(3)
    claude.get_by_role("link", name="tea").click()
    page.get_by_label("Name").fill("drinks")
    page.get_by_role("combobox", name="About").select_option("user")
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_role("status").filter(has_text="drinks")).to_be_visible()
    file = place.home / "clients/shared/memory/drinks.md"
    assert "Ada takes tea with milk" in file.read_text()
    assert "drinks" in names(place)
    assert "drinks" in (place.home / "clients/shared/memory/MEMORY.md").read_text()
    visit(page, "memory", "Memory")
    ours = page.get_by_role("region", name="AgentOS").get_by_role("link", name="tea")
    expect(ours).to_contain_text("1 copy elsewhere")


def test_secrets_are_told_before_they_are_in_the_home(place: Place, look: Look) -> None:
    write_memories(place)
    page = look(place.link())
    visit(page, "memory", "Memory")
    page.get_by_role("region", name="Claude").get_by_role("link", name="token").click()
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_role("alert")).to_contain_text("may not be for a repository")
    assert "token" not in names(place)
    page.get_by_label("Take it with what was found in it").check()
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_role("status").filter(has_text="token")).to_be_visible()
    assert KEY in (place.home / "clients/shared/memory/token.md").read_text()


def test_both_sides_are_shown_where_somebody_was_first(place: Place, look: Look) -> None:
    write_memories(place)
    page = look(place.link())
    visit(page, "memory", "Memory")
    page.get_by_role("region", name="Claude").get_by_role("link", name="tea").click()
    expect(page.get_by_role("button", name="Promote")).to_be_visible()
    put(place.user / ".claude/memory/tea.md", "Ada takes coffee now.")
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_role("region", name="What you read")).to_contain_text("tea with milk")
    now = page.get_by_role("region", name="What it says now")
    expect(now).to_contain_text("Ada takes coffee now.")
    assert "tea" not in names(place)
    page.get_by_role("button", name="Go on with what it says now").click()
    expect(now).to_have_count(0)
    page.get_by_label("Name").fill("tone")
    page.get_by_role("button", name="Promote").click()
    there = page.get_by_role("region", name="What is there")
    expect(there).to_contain_text("Briefly, without apologies.")
    page.get_by_label("Name").fill("coffee")
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_role("status").filter(has_text="coffee")).to_be_visible()
    assert {"tone", "coffee"} <= names(place)


def test_copies_are_compared_and_memories_found(place: Place, look: Look) -> None:
    write_memories(place)
    page = look(place.link())
    visit(page, "memory", "Memory")
    page.keyboard.press("/")
    page.keyboard.type('"without apologies"')
    page.keyboard.press("Enter")
    expect(page.locator("main .memory")).to_have_count(1)
    page.keyboard.press("Tab")
    page.get_by_role("heading", name="Memory", level=1).click()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="How to answer", level=1)).to_be_visible()
    diff = page.get_by_role("group", name="From AgentOS to Claude")
    expect(diff).to_contain_text("-Briefly, without apologies.")
    expect(diff).to_contain_text("+At length.")


def test_the_project_is_switched(place: Place, look: Look) -> None:
    write_memories(place)
    page = look(place.link())
    visit(page, "memory", "Memory")
    ours = page.get_by_role("region", name="AgentOS")
    expect(ours.get_by_text("project not active")).to_be_visible()
    active = page.get_by_role("combobox", name="Active project")
    active.select_option("instrument")
    expect(active).to_have_value("instrument")  # as the hub says
    expect(ours.get_by_text("project not active")).to_have_count(0)
    assert "deploy" in place.agentos("memory", "list", "--for", "codex")
    page.get_by_role("combobox", name="Of project").select_option("instrument")
    expect(ours.get_by_role("link")).to_have_count(1)
    ours.get_by_role("link").click()
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_role("status").filter(has_text="deploy")).to_be_visible()
    assert (place.home / "clients/shared/memory/deploy.md").exists()


def test_the_inbox_is_decided(place: Place, look: Look) -> None:
    write_memories(place)
    page = look(place.link())
    visit(page, "memory/inbox", "Memories to review")
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    page.get_by_role("button", name="Look for new ones").click()
    waiting = page.locator("article.candidate")
    expect(waiting).to_have_count(6)
    commits = waiting.filter(has_text="near the memory commits")
    expect(commits.get_by_role("group", name="How it differs")).to_contain_text("short first line")
    for client in ("Codex", "Cursor"):
        expect(commits.get_by_text(client, exact=True)).to_be_visible()
    commits.get_by_label("Why you reject it").fill("It is known.")
    commits.get_by_role("button", name="Reject").click()
    expect(waiting).to_have_count(5)
    tea = waiting.filter(has_text="tea with milk")
    tea.get_by_label("Name").fill("tea-time")
    tea.get_by_role("combobox", name="Holds").select_option("instrument")
    tea.get_by_role("button", name="Accept").click()
    expect(waiting).to_have_count(4)
    assert (place.home / "clients/shared/memory/projects/instrument/tea-time.md").exists()
    assert "tea-time" in names(place)
    answers = waiting.filter(has_text="At length.")
    id = place.agentos("memory", "inbox", "--no-pull").split("How to answer")[0].split()[-3]
    place.agentos("memory", "reject", id.strip())
    answers.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("was rejected already")).to_be_visible()
    expect(answers).to_have_count(0)
