"""The page keeps clients in step: what is chosen and pushed there stands in the real files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect
from tests.sync.conftest import tree
from tests.web.conftest import CONFIG
from tests.web.visiting import visit

if TYPE_CHECKING:
    from tests.web.conftest import Look, Place

MARKERS = re.compile(r"^# (?:>>>|<<<) AgentOS.*\n", re.MULTILINE)


def open_sync(look: Look, place: Place) -> Page:
    page = look(place.link(), viewport={"width": 1024, "height": 768})
    page.get_by_role("link", name="Sync").click()
    expect(page.get_by_role("heading", name="What a push would change")).to_be_visible()
    return page


def test_a_conflict_is_resolved_pushed_and_undone_exactly(place: Place, look: Look) -> None:
    before = tree(place.user)
    page = open_sync(look, place)
    expect(page.get_by_label("2 not in sync")).to_be_visible()
    push = page.get_by_role("button", name="Push to the clients")
    expect(push).to_be_disabled()
    conflict = page.get_by_role("region", name="Conflict: approval_policy")
    expect(conflict).to_contain_text('"on-request"')
    expect(conflict).to_contain_text('"never"')
    conflict.get_by_role("button", name="Write this").click()
    expect(page.get_by_role("status").filter(has_text="is written as AgentOS")).to_be_visible()
    chosen = CONFIG.replace('"never"', '"on-request"')
    assert MARKERS.sub("", place.config.read_text()) == chosen

    expect(conflict).to_have_count(0)
    push.click()
    expect(page.get_by_text("All is in sync")).to_be_visible()
    expect(page.get_by_label("not in sync")).to_have_count(0)
    pushed = MARKERS.sub("", place.config.read_text())
    assert pushed.startswith(chosen.split("\n[")[0])
    assert 'sandbox_mode = "workspace-write"' in pushed
    assert (place.user / ".claude/skills/review-pr/SKILL.md").is_file()
    assert place.agentos("sync", "check") == "in sync\n"

    page.get_by_role("link", name="Undo").click()
    backups = page.get_by_role("region", name="List of backups").locator("tbody tr")
    for number in (2, 1):
        expect(backups).to_have_count(number)
        expect(page.get_by_role("heading", name=f"bring back: backup {number}")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        said = page.get_by_role("status").filter(has_text=f"from backup {number}")
        expect(said).to_be_visible()
    expect(page.get_by_text("There is nothing to undo")).to_be_visible()
    assert place.config.read_text() == CONFIG
    assert tree(place.user) == before


def test_who_is_not_installed_has_not_drifted(place: Place, look: Look) -> None:
    (place.programs / "claude").unlink()
    page = open_sync(look, place)
    expect(page.get_by_label("1 not in sync")).to_be_visible()
    visit(page, "now", "Now")
    expect(page.get_by_text("1 client", exact=True)).to_be_visible()


def test_what_is_left_is_the_users_until_it_is_wanted_again(place: Place, look: Look) -> None:
    page = open_sync(look, place)
    page.get_by_role("button", name="Leave this: what the file has of approval_policy").click()
    expect(page.get_by_text("is yours from now on")).to_be_visible()
    assert place.config.read_text() == CONFIG
    page.get_by_role("button", name="Write it again: approval_policy").click()
    expect(page.get_by_text("is written as AgentOS has it")).to_be_visible()
    chosen = CONFIG.replace('"never"', '"on-request"')
    assert MARKERS.sub("", place.config.read_text()) == chosen


def test_nothing_is_pushed_that_the_page_has_not_shown(place: Place, look: Look) -> None:
    place.agentos("sync", "push", "--theirs", "--yes")
    fragment = place.home / "clients/codex/config-fragment.toml"
    fragment.write_text('sandbox_mode = "read-only"\n')
    page = open_sync(look, place)
    expect(page.get_by_text('+sandbox_mode = "read-only"')).to_be_visible()
    page.route("**/api/v1/sync/status", lambda route: route.abort())
    edited = place.config.read_text().replace("gpt-5.5", "gpt-6")
    place.config.write_text(edited)
    page.get_by_role("button", name="Push to the clients").click()
    expect(page.get_by_role("alert").filter(has_text="not what you looked at")).to_be_visible()
    assert place.config.read_text() == edited
    # It was looked at again meanwhile.
    page.get_by_role("button", name="Push to the clients").click()
    expect(page.get_by_text("All is in sync")).to_be_visible()
    assert 'model = "gpt-6"' in place.config.read_text()


def test_files_that_changed_since_are_chosen_about(place: Place, look: Look) -> None:
    place.agentos("sync", "push", "--theirs", "--yes")
    pushed = place.config.read_text()
    place.config.write_text(pushed + "# later\n")
    page = open_sync(look, place)
    page.get_by_role("link", name="Undo").click()
    undo = page.get_by_role("button", name="Undo")
    expect(page.get_by_text("1 file changed since")).to_be_visible()
    expect(undo).to_be_disabled()
    page.get_by_role("radio", name="leave what changed since").check()
    expect(undo).to_be_enabled()
    undo.click()
    expect(page.get_by_text("brought back from backup 1")).to_be_visible()
    assert place.config.read_text() == pushed + "# later\n"
    assert not (place.user / ".claude/skills").exists()


def test_a_pull_and_a_broken_file(place: Place, look: Look) -> None:
    notes = place.user / ".codex/memories/note.md"
    notes.parent.mkdir()
    notes.write_text("Ada likes tests.\n")
    page = open_sync(look, place)
    page.get_by_role("link", name="Pull").click()
    expect(page.get_by_text("memory/note.md")).to_be_visible()
    page.get_by_role("button", name="Pull").click()
    expect(page.get_by_text("brought into the AgentOS home")).to_be_visible()
    pulled = place.home / "clients/codex/pulled/memory/note.md"
    assert pulled.read_text() == notes.read_text()
    place.config.write_text("model = \n")
    page.get_by_role("link", name="Push").click()
    expect(page.get_by_text("config.toml:1:").first).to_be_visible()
    page.get_by_role("link", name="claude", exact=True).click()
    expect(page.get_by_role("button", name="Push to claude")).to_be_enabled()
    page.get_by_role("button", name="Push to claude").click()
    expect(page.get_by_text("All is in sync")).to_be_visible()
    assert (place.user / ".claude/skills/review-pr/SKILL.md").is_file()
