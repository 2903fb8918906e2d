"""What the settings page is told, and that no secret is among it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agentos.home.projects import Project
from agentos.hub.scopes import Scope
from agentos.hub.settings import Action, HubSettings, Repository

if TYPE_CHECKING:
    from tests.hub.conftest import Started


async def test_settings_say_what_is_registered(asking: Started, tmp_path: Path) -> None:
    settings = HubSettings(
        fs_roots=(tmp_path, tmp_path / "gone"),
        repositories=(Repository(tmp_path, push_approval=True),),
        actions=(Action("compile", tmp_path, ("make",)),),
        projects=(Project("one", tmp_path, ("identity",)),),
    )
    async with asking(settings) as hub:
        answer = await hub.ask("GET", "/api/v1/settings")
        said = answer.json()
        tag = {"if-none-match": answer.headers["etag"]}
        assert (await hub.ask("GET", "/api/v1/settings", headers=tag)).status_code == 304
    assert [root["found"] for root in said["roots"]] == [True, False]
    assert said["repositories"][0]["push_approval"] is True
    assert said["actions"][0]["command"] == ["make"]
    assert said["projects"][0]["portfolio"] == ["identity"]


async def test_tokens_are_listed_without_what_opens_something(asking: Started) -> None:
    async with asking() as hub:
        token = hub.hub.tokens.create([Scope.FS_READ], name="reader")
        answer = await hub.ask("GET", "/api/v1/tokens")
        assert answer.json()["tokens"][0]["name"] == "reader"
        assert token not in answer.text
        assert hub.hub.tokens.list()[0].digest not in answer.text
        for path in ("/api/v1/tokens", "/api/v1/settings", "/api/v1/doctor", "/api/v1/hub"):
            assert (await hub.ask("GET", path, token=token)).status_code == 403


async def test_the_hub_tells_who_asked_it(asking: Started) -> None:
    async with asking() as hub:
        headers = {"user-agent": "codex_cli_rs/1.0"}
        await hub.ask("GET", "/status", headers=headers)
        await hub.ask("GET", "/nowhere", headers=headers)
        await hub.hub.telemetry.flush()
        clients = (await hub.ask("GET", "/api/v1/hub/clients")).json()["clients"]
        codex = next(one for one in clients if one["client"] == "codex")
        assert (codex["principal"], codex["events"], codex["errors"]) == ("user", 2, 1)
        state = (await hub.ask("GET", "/api/v1/hub")).json()
        assert state["requests"] >= 2
        assert state["errors"] >= 1
        assert state["home_found"] is False
