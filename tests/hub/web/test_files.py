"""The files of the page: open to everybody, compressed, and with nothing from elsewhere."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

from agentos.hub.settings import HubSettings
from agentos.hub.web.files import DIST, built_files, policy_headers

if TYPE_CHECKING:
    from tests.hub.conftest import Started


async def test_the_page_needs_no_token_and_may_load_nothing_from_elsewhere(asking: Started) -> None:
    async with asking() as hub:
        answer = await hub.ask("GET", "/", token=None)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        named = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
        assert named
        for path in named:
            found = await hub.ask("GET", path, token=None)
            assert found.status_code == 200, path
            assert found.headers["x-content-type-options"] == "nosniff"
        again = {"if-none-match": answer.headers["etag"]}
        assert (await hub.ask("GET", "/", token=None, headers=again)).status_code == 304


async def test_what_never_changes_is_kept_for_a_year_and_compressed(asking: Started) -> None:
    script = next(file for file in built_files() if file.url.endswith(".js"))
    content = (DIST / script.url.lstrip("/")).read_bytes()
    async with asking() as hub:
        for accepts in ("gzip", "identity"):
            headers = {"accept-encoding": accepts}
            async with hub.client.stream("GET", script.url, headers=headers) as answer:
                raw = b"".join([part async for part in answer.aiter_raw()])
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["vary"] == "Accept-Encoding"
            assert (gzip.decompress(raw) if accepts == "gzip" else raw) == content


async def test_nothing_else_is_open(asking: Started) -> None:
    async with asking() as hub:
        for method, path in (
            *(("POST", "/"), ("GET", "/assets/nothing.js"), ("GET", "/sources.sha256")),
            *(("GET", "/index.html"), ("GET", "/assets/../api/v1/tokens")),
            *(("GET", "/api/v1/tokens"), ("GET", "/now")),
        ):
            answer = await hub.ask(method, path, token=None)
            assert answer.status_code == 401, path
        unknown = await hub.ask("GET", "/api/v1/nothing")
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")


async def test_allowed_origins_may_frame_it(asking: Started) -> None:
    settings = HubSettings(allowed_origins=("https://board.example", "x; script-src *"))
    async with asking(settings) as hub:
        policy = (await hub.ask("GET", "/", token=None)).headers["content-security-policy"]
    assert "frame-ancestors https://board.example;" in policy
    assert "script-src *" not in policy
    assert "vscode-webview://*" in str(policy_headers(["vscode-webview://*"]))


def test_the_first_view_is_small() -> None:
    page = (DIST / "index.html").read_text()
    scripts = [DIST / name.lstrip("/") for name in re.findall(r'src="([^"]+)"', page)]
    scripts += DIST.glob("assets/now-*.js")
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in scripts) < 120_000
