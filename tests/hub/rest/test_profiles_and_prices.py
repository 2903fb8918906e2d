"""Profiles and prices over REST: shown, changed in `agentos.toml`, tried with the real Codex."""

from __future__ import annotations

import asyncio
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.usage.reports.filling import fill, made

from agentos.config import data_dir
from agentos.software import ensure

if TYPE_CHECKING:
    from tests.hub.conftest import Asking, Started

SETTINGS = """# mine
[profiles.cheap]
enabled = false   # not now

[prices."openai/mine"]
input = 1.5
output = 3
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    for name, value in (
        ("HOME", str(tmp_path / "user")),
        ("AGENTOS_HOME", str(home)),
        ("AGENTOS_STATE_DIR", str(tmp_path / "state")),
    ):
        monkeypatch.setenv(name, value)
    for name in ("CODEX_HOME", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    (home / "agentos.toml").write_text(SETTINGS)
    return home / "agentos.toml"


async def said(hub: Asking, method: str, path: str, body: object = None, status: int = 200) -> Any:
    answer = await hub.ask(method, f"/api/v1/{path}", body=body)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def test_a_profile_is_changed_and_its_file_kept(
    asking: Started, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "dummy-key-of-the-test")
    async with asking() as hub:
        answer = await hub.ask("GET", "/api/v1/profiles")
        assert "dummy-key-of-the-test" not in answer.text
        found = {each["name"]: each for each in answer.json()["profiles"]}
        assert list(found) == ["planner", "tools", "agentic", "cheap"]
        assert [each["enabled"] for each in found.values()] == [True, True, True, False]
        assert all(each["key_found"] for each in found.values())
        change = {"enabled": True, "model": "qwen/other", "settings": {"model_verbosity": "low"}}
        changed = await said(hub, "PATCH", "profiles/cheap", change)
        cheap = next(each for each in changed["profiles"] if each["name"] == "cheap")
        assert (cheap["enabled"], cheap["model"]) == (True, "qwen/other")
        assert cheap["settings"] == {"model_verbosity": '"low"'}
        text = file.read_text()
        assert text.startswith("# mine\n[profiles.cheap]\nenabled = true   # not now\n")
        refused = await said(hub, "PATCH", "profiles/new", {"provider": "mine"}, status=422)
        assert "model is missing" in refused["error"]["message"]
        await said(hub, "PATCH", "profiles/a%20b", {"model": "m"}, status=422)
        await said(hub, "PATCH", "profiles/new", {}, status=422)
        assert file.read_text() == text


async def test_a_profile_is_tried_with_the_real_codex(
    asking: Started, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(DATA))
    await ensure(["codex"])
    async with asking() as hub:
        trial = await said(hub, "POST", "profiles/planner/trial", {})
        assert trial["works"], trial["answer"]
        assert (trial["answer"], trial["live"]) == ("ok", False)
        found = (await said(hub, "GET", "profiles"))["profiles"][0]
        assert found["tried"] == trial
        change = {"settings": {"model_verbosity": "loud"}}
        found = (await said(hub, "PATCH", "profiles/planner", change))["profiles"][0]
        assert found["tried"] is None
        trial = await said(hub, "POST", "profiles/planner/trial", {})
        assert not trial["works"]
        assert "loud" in trial["answer"]
        await said(hub, "POST", "profiles/cheap/trial", {}, status=404)
        # Its key is not there.
        await said(hub, "POST", "profiles/planner/trial", {"live": True}, status=422)
    assert not list(file.parents[1].glob("state/profile-*"))


DATA = data_dir()  # of the user, where Codex is installed once


async def test_prices_say_since_when_and_what_is_not_known(
    asking: Started, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path / "data"))
    async with asking() as hub:
        await fill(hub.hub.store, [made(1), made(2, model="mystery")])
        own = await said(hub, "GET", "prices?own=true")
        (price,) = own["prices"]
        assert (price["name"], price["own"], price["source"]) == ("openai/mine", True, file.name)
        assert price["periods"][-1]["input"] == 1.5
        assert own["unpriced"] == [{"name": "openai/mystery", "calls": 1}]
        new = {"name": "openai/mystery", "input": 2, "output": 4, "cached_input": 0.5}
        await said(hub, "PUT", "prices/own", new, status=204)
        assert file.read_text().startswith(SETTINGS)
        prices = tomllib.loads(file.read_text())["prices"]
        assert prices["openai/mystery"] == {"input": 2, "output": 4, "cached_input": 0.5}
        assert (await said(hub, "GET", "prices"))["unpriced"] == []
        for wrong in ({"name": "x"}, {"input": -1}, {"name": "a b/c"}):
            await said(hub, "PUT", "prices/own", new | wrong, status=422)
        await said(hub, "PUT", "prices/own", new | {"cached_input": None}, status=204)
        prices = tomllib.loads(file.read_text())["prices"]
        assert prices["openai/mystery"] == {"input": 2, "output": 4}
        await said(hub, "DELETE", "prices/own?name=openai/mystery", status=204)
        assert tomllib.loads(file.read_text()) == tomllib.loads(SETTINGS)
        assert [each["name"] for each in (await said(hub, "GET", "prices"))["unpriced"]] == [
            "openai/mystery"
        ]
        await said(hub, "DELETE", "prices/own?name=openai/mystery", status=404)
        seen: list[str] = []
        after = ""
        while True:
            page = await said(hub, "GET", f"prices?limit=20{after}")
            seen += [each["name"] for each in page["prices"]]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert seen == sorted(set(seen))
        assert len(seen) == page["total"] > 20
        found = await said(hub, "GET", "prices?search=openai%20mine")
        assert [each["name"] for each in found["prices"]] == ["openai/mine"]


async def test_prices_are_refreshed_from_where_the_settings_say(
    asking: Started, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path / "data"))

    listed = {"a/b": {"source": "here", "periods": [{"input": 1, "output": 2}]}}
    body = json.dumps({"as_of": "2026-01-01", "prices": listed}).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1") as server, asking() as hub:
        port = server.sockets[0].getsockname()[1]
        file.write_text(f'{SETTINGS}\n[usage]\nprices_url = "http://127.0.0.1:{port}/"\n')
        done = await said(hub, "POST", "prices/refresh", {})
        assert done == {"prices": 1, "changed": ["a/b"]}
        found = await said(hub, "GET", "prices?search=a/b")
        assert found["prices"][0]["known"]
        file.write_text(f'{SETTINGS}\n[usage]\nprices_url = "http://127.0.0.1:1/"\n')
        refused = await hub.ask("POST", "/api/v1/prices/refresh", body={})
        assert refused.status_code >= 400
        assert "no prices came" in refused.json()["error"]["message"]
