"""The portfolio over REST."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentos.hub.scopes import Scope
from agentos.hub.settings import HubSettings
from agentos.portfolio import Portfolio

if TYPE_CHECKING:
    from tests.hub.conftest import Started


BASE = "/api/v1/portfolio"


@pytest.fixture
def portfolio(tmp_path: Path) -> Portfolio:
    """Three pages, where the hub of the test looks for them."""
    directory = tmp_path / "home" / "context-portfolio"
    directory.mkdir(parents=True)
    for name in ("a", "b", "c"):
        (directory / f"{name}.md").write_text(f"# Page {name}\n\ntext of {name}\n")
    return Portfolio(tmp_path / "home", state=tmp_path / "state")


async def test_pages_are_listed_by_pages_and_read(asking: Started, portfolio: Portfolio) -> None:
    async with asking() as hub:
        first = (await hub.ask("GET", f"{BASE}/pages?limit=2")).json()
        assert ([page["name"] for page in first["pages"]], first["next"]) == (["a", "b"], "b")
        rest = (await hub.ask("GET", f"{BASE}/pages?limit=2&after=b")).json()
        assert ([page["name"] for page in rest["pages"]], rest["next"]) == (["c"], None)
        answer = await hub.ask("GET", f"{BASE}/pages/b")
        assert "text of b" in answer.json()["body"]
        tag = {"if-none-match": f"W/{answer.headers['etag']}"}
        assert (await hub.ask("GET", f"{BASE}/pages/b", headers=tag)).status_code == 304
        findings = (await hub.ask("GET", f"{BASE}/findings")).json()["findings"]
        assert {one["name"] for one in findings} == {"a", "b", "c"}


@pytest.mark.parametrize("name", ["none", "..%2Fagentos", "%2Fetc%2Fpasswd", "a%00b", ".git"])
async def test_nothing_else_is_read(asking: Started, portfolio: Portfolio, name: str) -> None:
    async with asking() as hub:
        answer = await hub.ask("GET", f"{BASE}/pages/{name}")
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["message"]


async def test_proposals_are_accepted_and_rejected(asking: Started, portfolio: Portfolio) -> None:
    one = await portfolio.propose("a", "# Page a\n\nbetter\n", reason="why", client="codex")
    two = await portfolio.propose("new", "# New\n", reason="", client="claude")
    async with asking() as hub:
        listed = (await hub.ask("GET", f"{BASE}/proposals?limit=1")).json()
        assert [each["id"] for each in listed["proposals"]] == [one.id] == [listed["next"]]
        rest = (await hub.ask("GET", f"{BASE}/proposals?after={one.id}")).json()
        assert [each["creates"] for each in rest["proposals"]] == [True]
        assert "+better" in listed["proposals"][0]["diff"]
        accepted = await hub.ask("POST", f"{BASE}/proposals/{one.id}/accept", body={})
        assert accepted.json()["state"] == "accepted"
        body = {"reason": "not needed"}
        rejected = await hub.ask("POST", f"{BASE}/proposals/{two.id}/reject", body=body)
        assert rejected.json()["state"] == "rejected"
        again = await hub.ask("POST", f"{BASE}/proposals/{one.id}/accept", body={})
        assert again.json()["error"]["code"] == "proposal_closed"
    assert "better" in (await portfolio.read("a")).text
    assert "new" not in [file.name for file in await portfolio.files()]


async def test_a_page_that_changed_since_is_left_alone(
    asking: Started, portfolio: Portfolio
) -> None:
    one = await portfolio.propose("a", "# Theirs\n", reason="", client="codex")
    portfolio.path("a").write_text("# Mine\n")
    async with asking() as hub:
        answer = await hub.ask("POST", f"{BASE}/proposals/{one.id}/accept", body={})
    assert answer.status_code == 409
    assert portfolio.path("a").read_text() == "# Mine\n"


async def test_agents_tokens_decide_nothing(asking: Started, portfolio: Portfolio) -> None:
    one = await portfolio.propose("a", "# Theirs\n", reason="", client="codex")
    async with asking() as hub:
        rights = [Scope.PORTFOLIO_READ, Scope.PORTFOLIO_PROPOSE]
        token = hub.hub.tokens.for_session("s1", rights)
        for method, path in (
            ("POST", f"/proposals/{one.id}/accept"),
            ("GET", "/proposals"),
            ("GET", "/pages"),
        ):
            body: object = {} if method == "POST" else None
            answer = await hub.ask(method, f"{BASE}{path}", token=token, body=body)
            assert answer.status_code == 403


async def test_a_page_is_opened_in_the_editor_that_is_set(
    asking: Started, portfolio: Portfolio, tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    editor = (sys.executable, "-c", f"import sys; open({str(opened)!r}, 'w').write(sys.argv[1])")
    async with asking(HubSettings(editor=editor)) as hub:
        said = (await hub.ask("GET", "/api/v1/portfolio/pages/b")).json()
        assert said["editor"] == sys.executable
        answer = await hub.ask("POST", "/api/v1/portfolio/pages/b/open", body={})
        assert answer.status_code == 204, answer.text
        assert opened.read_text() == said["path"]
        answer = await hub.ask("POST", "/api/v1/portfolio/pages/..%2Fx/open", body={})
        assert answer.status_code == 404
    for wrong, code in (
        (("no-such-editor",), "action_no_editor"),
        ((sys.executable, "-c", "import sys; sys.exit(3)"), "action_failed"),
        ((), "editor_unset"),
    ):
        async with asking(HubSettings(editor=wrong)) as hub:
            answer = await hub.ask("POST", "/api/v1/portfolio/pages/b/open", body={})
            assert answer.json()["error"]["code"] == code
