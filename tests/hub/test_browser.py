"""Pages of other sites in a real browser: whatever they try, no route is reached."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.async_api import Browser, async_playwright
from tests.hub.conftest import Serve, Serving

from agentos.hub.app import PARTS
from agentos.hub.hub import Hub

CHROMIUM = Path("/usr/bin/chromium")
#: Both lead to this host: a page that a user happens to open, and a name that is rebound.
ATTACKER, REBOUND = "attacker.example", "rebound.example"
#: Where a page also tries WebSockets: Chromium lets each wait seconds once some have failed.
SOCKETS = ["/", "/api/v1/events", "/mcp", "/wall"]

#: Try everything that a page can on every route, and say what it could read.
ATTACK = """
async ({ base, routes, sockets, token }) => {
  const readable = [];
  const keep = (how, path, text) => readable.push([how, path, text]);
  const quietly = async (how, path, ask) => {
    try {
      const answer = await ask();
      if (answer.type !== 'opaque' && answer.ok) keep(how, path, await answer.text());
    } catch { /* the browser kept it from the page, or the hub refused */ }
  };
  const events = [];
  for (const path of routes) {
    const url = base + path;
    await quietly('get', path, () => fetch(url, { mode: 'no-cors', credentials: 'include' }));
    await quietly('cors', path, () => fetch(url));
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const json = { method, body: '{}', headers: {
        'content-type': 'application/json', authorization: 'Bearer ' + token } };
      await quietly('json ' + method, path, () => fetch(url, json));
    }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      await quietly('simple', path, () => fetch(url, {
        method: 'POST', mode: 'no-cors', body: '{}', headers: { 'content-type': type } }));
    }
    await quietly('empty', path, () => fetch(url, { method: 'POST', mode: 'no-cors' }));
    navigator.sendBeacon(url, '{}');
    const frame = document.createElement('iframe');
    frame.name = 'frame' + Math.random();
    document.body.append(frame);
    const form = document.createElement('form');
    Object.assign(form, { action: url, method: 'POST', enctype: 'text/plain', target: frame.name });
    const field = document.createElement('input');
    Object.assign(field, { name: '{"a', value: '":1}' });
    form.append(field);
    document.body.append(form);
    await new Promise(done => { frame.onload = done; form.submit(); });
    for (const tag of ['img', 'script']) {
      const element = document.createElement(tag);
      await new Promise(done => {
        element.onload = () => { keep(tag, path, ''); done(); };
        element.onerror = done;
        element.src = url;
        document.body.append(element);
      });
    }
    await new Promise(done => {
      const source = new EventSource(url);
      source.onopen = () => { keep('events', path, ''); source.close(); done(); };
      source.onerror = () => { source.close(); done(); };
    });
    if (sockets.includes(path)) await new Promise(done => {
      const socket = new WebSocket(url.replace('http', 'ws'));
      socket.onopen = () => { keep('socket', path, ''); socket.close(); done(); };
      socket.onerror = done;
    });
  }
  return readable;
}
"""


class Wall:
    """A part with a route for each method; `entered` is what reached it."""

    def __init__(self) -> None:
        self.entered: list[str] = []

    def __call__(self, app: FastAPI, hub: Hub) -> None:
        @app.api_route(
            "/wall", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False
        )
        async def wall() -> str:
            self.entered.append("wall")
            return "reached"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser for which two names lead to this host."""
    rules = f"MAP {ATTACKER} 127.0.0.1, MAP {REBOUND} 127.0.0.1"
    arguments = ["--no-sandbox", "--disable-gpu", f"--host-resolver-rules={rules}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def attackers_server() -> AsyncIterator[int]:
    """Serve an empty page, without a word of CORS or of policies."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        page = b"<!doctype html><body>"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
        writer.write(head + b"Content-Length: %d\r\n\r\n%b" % (len(page), page))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def routes_of(on: Serving) -> list[str]:
    """Every path of the hub's document and beside it, with something for its parameters."""
    document = (await on.client.get("/openapi.json")).json()
    paths = [path.replace("{", "").replace("}", "") for path in document["paths"]]
    on.seen.records.clear()
    return sorted({*paths, "/wall", "/mcp", "/openapi.json", "/", "/nowhere"})


async def attack(browser: Browser, page_at: str, on: Serving, base: str) -> list[Any]:
    page = await browser.new_page()
    await page.goto(page_at)
    found: list[Any] = await page.evaluate(
        ATTACK,
        {
            "base": base,
            "routes": await routes_of(on),
            "sockets": SOCKETS,
            "token": on.hub.tokens.user(),
        },
    )
    await page.close()
    return found


def require_refused(on: Serving, wall: Wall, codes: set[str]) -> None:
    """Nothing but `/healthz` was answered, and enough has come to say so."""
    assert wall.entered == []
    refusals = {record.refusal for record in on.seen.records}
    assert refusals == codes, on.seen.records
    methods = {record.method for record in on.seen.records}
    assert {"GET", "POST"} <= methods
    assert len(on.seen.records) > 50


async def test_a_page_of_another_site_reaches_nothing(serving: Serve, browser: Browser) -> None:
    wall = Wall()
    async with serving(*PARTS, wall) as on, attackers_server() as port:
        readable = await attack(browser, f"http://{ATTACKER}:{port}/", on, on.endpoint.url)
        assert readable == []
        require_refused(on, wall, {"cross_site", "origin_not_allowed"})


async def test_a_page_of_another_program_on_this_host_reaches_nothing(
    serving: Serve, browser: Browser
) -> None:
    wall = Wall()
    async with serving(*PARTS, wall) as on, attackers_server() as port:
        readable = await attack(browser, f"http://127.0.0.1:{port}/", on, on.endpoint.url)
        assert readable == []
        require_refused(on, wall, {"cross_site", "origin_not_allowed"})


async def test_a_name_that_is_rebound_to_the_hub_reaches_nothing(
    serving: Serve, browser: Browser
) -> None:
    wall = Wall()
    async with serving(*PARTS, wall) as on:
        # The refusal itself is a document of that origin, as what its first address served was.
        base = f"http://{REBOUND}:{on.endpoint.port}"
        readable = await attack(browser, f"{base}/healthz", on, base)
        assert readable == []
        require_refused(on, wall, {"host_not_allowed"})


async def test_a_person_who_types_the_address_is_told_of_the_token(
    serving: Serve, browser: Browser
) -> None:
    async with serving() as on:
        page = await browser.new_page()
        answer = await page.goto(f"{on.endpoint.url}/openapi.json")
        assert answer is not None
        assert answer.status == 401
        assert json.loads(await answer.text())["error"]["code"] == "token_missing"
        assert (await page.goto(f"{on.endpoint.url}/healthz")) is not None
