"""Skills in the page: switched for one client, shown as each gets them."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.web.conftest import Look, Place


def test_a_skill_is_disabled_for_one_client(place: Place, look: Look) -> None:
    place.agentos("sync", "push", "--theirs", "--yes")
    place.ask("POST", "/command-log", {"command": "release-notes", "client": "codex"})
    settings = (place.home / "agentos.toml").read_text()
    claude = place.user / ".claude/skills/release-notes/SKILL.md"
    codex = place.user / ".agents/skills/release-notes/SKILL.md"
    assert claude.is_file()
    page = look(place.link(), viewport={"width": 1024, "height": 768})
    page.get_by_role("link", name="Skills").click()
    expect(page.get_by_role("link", name="in the log: release-notes")).to_be_visible()
    page.get_by_role("checkbox", name="release-notes for claude").click()
    expect(page.get_by_text("release-notes is off for claude.")).to_be_visible()
    expect(page.get_by_role("checkbox", name="release-notes for codex")).to_be_checked()
    written = (place.home / "agentos.toml").read_text()
    assert written.startswith(settings.rstrip("\n"))
    said = tomllib.loads(written)["skills"]
    assert said == {"clients": {"claude": {"release-notes": False}}}
    page.get_by_role("link", name="A push makes it so.").click()
    page.get_by_role("button", name="Push to the clients").click()
    expect(page.get_by_text("All is in sync")).to_be_visible()
    assert not claude.exists()
    assert codex.is_file()
    page.get_by_role("link", name="Skills").click()
    row = page.get_by_role("row").filter(has_text="release-notes").first
    expect(row).to_contain_text("not there")
    expect(row).to_contain_text("deployed")


def test_a_skill_is_shown_as_each_client_gets_it(place: Place, look: Look) -> None:
    broken = place.home / "clients/shared/skills/broken"
    broken.mkdir()
    (broken / "SKILL.md").write_text("nothing\n")
    page = look(place.link(), viewport={"width": 1024, "height": 768})
    page.get_by_role("link", name="Skills").click()
    expect(page.get_by_text("cannot be read")).to_be_visible()
    expect(page.get_by_role("region", name="Findings")).to_contain_text("no front matter")
    broken.joinpath("SKILL.md").unlink()
    broken.rmdir()
    page.get_by_role("link", name="review-pr", exact=True).click()
    text = page.get_by_role("region", name="Its text")
    expect(text).to_contain_text("You are {{client}}.")
    page.get_by_role("link", name="For claude").click()
    expect(text).to_contain_text("You are claude.")
    expect(text).to_contain_text(f"{place.user}/.claude/skills/review-pr/check.sh")
    page.get_by_role("checkbox", name="review-pr for codex").click()
    expect(page.get_by_text("review-pr is off for codex.")).to_be_visible()


def test_a_profile_and_a_price_are_set(place: Place, look: Look) -> None:
    page = look(place.link(), viewport={"width": 1024, "height": 768})
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("button", name="Change planner").click()
    form = page.get_by_role("form", name="Change the profile planner")
    form.get_by_label("Model").fill("mine/model-2")
    form.get_by_label("Further setting of Codex").fill("model_verbosity")
    form.get_by_label("Its value").fill('"low"')
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("region", name="List of profiles")).to_contain_text("mine/model-2")
    page.get_by_role("checkbox", name="The profile cheap is on").click()
    expect(page.get_by_role("button", name="Try cheap")).to_be_disabled()
    page.get_by_role("button", name="Set a price").click()
    form = page.get_by_role("form", name="A price of your own")
    form.get_by_label("Provider/model").fill("mine/model-2")
    form.get_by_label("Input, dollars for a million", exact=True).fill("1.25")
    form.get_by_label("Output, dollars").fill("4")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("mine/model-2 costs what you say.")).to_be_visible()
    page.get_by_label("Only my own").check()
    expect(page.get_by_role("region", name="List of prices")).to_contain_text("1.25")
    said = tomllib.loads((place.home / "agentos.toml").read_text())
    assert said["profiles"]["planner"]["model"] == "mine/model-2"
    assert said["profiles"]["planner"]["settings"] == {"model_verbosity": "low"}
    assert said["profiles"]["cheap"] == {"enabled": False}
    assert said["prices"]["mine/model-2"] == {"input": 1.25, "output": 4}
    page.get_by_role("button", name="Remove your price of mine/model-2").click()
    expect(page.get_by_text("mine/model-2 has no price of yours any more.")).to_be_visible()
    expect(page.get_by_text("No price is called that")).to_be_visible()
    assert "prices" not in tomllib.loads((place.home / "agentos.toml").read_text())
