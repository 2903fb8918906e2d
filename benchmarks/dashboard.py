"""The page in Chromium: its first view, what following a session costs, what 50 pages cost it."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from measure import Figure, main
from playwright.async_api import Browser, CDPSession, async_playwright

from agentos.models.rehearsal import RehearsalModel, Scenario, Step, When

VIEWS = 7
ROUNDS = 5
PAGES = 50
#: Lines of output, 50 a second: each is an event.
PACED = "for i in $(seq 1000); do echo line $i; sleep 0.017; done"
#: An answer in 1000 pieces, each an event, as fast as they come.
BUSY = " ".join(f"word{number}" for number in range(3000))
SCENARIO = Scenario(
    steps=[
        Step(when=When(user="paced"), run=PACED),
        *(Step(say=BUSY) for _ in range(2 * ROUNDS)),
    ]
)
FOLLOWERS = """
import asyncio, sys
async def follow(host, port, path, token):
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**20)
    writer.write(f"GET {path} HTTP/1.1\\r\\nhost: {host}:{port}\\r\\n"
                 f"authorization: Bearer {token}\\r\\n\\r\\n".encode())
    await reader.readuntil(b"event: state")
    ready.release()
    while await reader.read(65536):
        pass
async def main(count, *where):
    global ready
    ready = asyncio.Semaphore(0)
    following = [asyncio.create_task(follow(*where)) for _ in range(int(count))]
    for _ in following:
        await ready.acquire()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in following:
        task.cancel()
asyncio.run(main(*sys.argv[1:]))
"""


def agentos(*words: str) -> str:
    command = [sys.executable, "-m", "agentos", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def running() -> dict[str, Any]:
    said: dict[str, Any] = json.loads(Path(os.environ["AGENTOS_STATE_DIR"], "hub.json").read_text())
    return said


def token() -> str:
    return Path(os.environ["AGENTOS_STATE_DIR"], "token").read_text().strip()


async def ask(method: str, path: str, body: object = None) -> Any:
    return await asyncio.to_thread(_ask, method, path, body)


def _ask(method: str, path: str, body: object) -> Any:
    headers = {"authorization": f"Bearer {token()}", "content-type": "application/json"}
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{running()['url']}/api/v1{path}", sent, headers, method=method
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read())


async def first_view(browser: Browser) -> float:
    """Return the seconds from nothing in the cache to the first view."""
    link = agentos("open", "--print")
    context = await browser.new_context()
    page = await context.new_page()
    start = time.perf_counter()
    await page.goto(link)
    await page.get_by_text("No agent works now").wait_for()
    await page.get_by_text("Runs", exact=True).wait_for()
    took = time.perf_counter() - start
    await context.close()
    return took


async def following(browser: Browser, session: str) -> tuple[float, float, int]:
    """Return what share of a core a page takes that follows, its events a second, its elements."""
    page = await (await browser.new_context()).new_page()
    await page.goto(agentos("open", "--print"))
    await page.get_by_role("heading", name="Now").wait_for()
    await page.evaluate("id => { location.hash = `#/session/${id}` }", session)
    await ask("POST", f"/sessions/{session}/prompts", {"text": "paced"})
    await page.get_by_text("line 20", exact=False).first.wait_for()
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    before, seq, start = await busy(devtools), await last_seq(session), time.perf_counter()
    await asyncio.sleep(12)
    elapsed = time.perf_counter() - start
    share = (await busy(devtools) - before) / elapsed
    rate = (await last_seq(session) - seq) / elapsed
    elements: int = await page.evaluate("document.querySelectorAll('*').length")
    await page.context.close()
    return share, rate, elements


async def busy(devtools: CDPSession) -> float:
    """Return the processor time of the page's main thread, in seconds."""
    metrics = (await devtools.send("Performance.getMetrics"))["metrics"]
    seconds: float = next(one["value"] for one in metrics if one["name"] == "TaskDuration")
    return seconds


async def last_seq(session: str) -> int:
    return int((await ask("GET", f"/sessions/{session}"))["last_seq"])


@asynccontextmanager
async def followers(session: str, count: int) -> AsyncIterator[None]:
    """Follow a session from a process beside it, as many times."""
    host, port = running()["url"].removeprefix("http://").split(":")
    path = f"/api/v1/sessions/{session}/stream?after={await last_seq(session)}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FOLLOWERS, str(count), host, port, path, token()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    try:
        await process.stdout.readline()
        yield
    finally:
        process.stdin.close()
        await process.wait()


async def turn(session: str) -> float:
    """Return the events a second of a busy turn."""
    before = await last_seq(session)
    await ask("POST", f"/sessions/{session}/prompts", {"text": "busy"})
    while True:
        page = await ask("GET", f"/sessions/{session}/events?after={before}&limit=2000")
        events = page["events"]
        if events and events[-1]["type"] == "turn_ended":
            return len(events) / (events[-1]["at"] - events[0]["at"])
        await asyncio.sleep(0.2)


async def measure() -> list[Figure]:
    place = Path(os.environ["AGENTOS_DATA_DIR"]).parent
    os.environ |= {
        "AGENTOS_STATE_DIR": str(place / "state"),
        "AGENTOS_HOME": str(place / "home"),
        "CODEX_HOME": str(place / "codex"),
        "CLAUDE_CONFIG_DIR": str(place / "claude"),
    }
    os.environ.pop("DISPLAY", None)
    agentos("init")
    agentos("up", "--port", "0")
    try:
        async with RehearsalModel(SCENARIO) as model, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
            )
            views = [await first_view(browser) for _ in range(VIEWS)]
            env = {"OPENAI_API_KEY": model.api_key, "OPENAI_BASE_URL": model.base_url}
            wanted = {"model": "gpt-5.5", "permission": "allow", "env": env}
            paced = (await ask("POST", "/sessions", wanted))["id"]
            share, rate, elements = await following(browser, paced)
            await ask("DELETE", f"/sessions/{paced}")
            await browser.close()
            alone, followed = await beside((await ask("POST", "/sessions", wanted))["id"])
    finally:
        agentos("down", "--yes")
    ratio = statistics.median(followed) / statistics.median(alone)
    spread = f"{min(views):.2f} to {max(views):.2f}; {VIEWS} runs"
    return [
        Figure("first view, nothing cached", statistics.median(views), "s", spread, most=1),
        Figure(
            "the page's main thread, for 50 events/s",
            share * 100 * 50 / rate,
            "% of a core",
            f"{share * 100:.1f} at {rate:.0f} events/s; {elements} elements",
            most=10,
        ),
        Figure("a busy turn, nobody follows", statistics.median(alone), "events/s"),
        Figure(
            f"the same, {PAGES} follow",
            statistics.median(followed),
            "events/s",
            f"{ratio:.2f} of that; {ROUNDS} rounds in turn",
        ),
        Figure(f"events/s with {PAGES} followers, by those without", ratio, "", least=0.8),
    ]


async def beside(session: str) -> tuple[list[float], list[float]]:
    alone, followed = [], []
    for _ in range(ROUNDS):
        alone.append(await turn(session))
        async with followers(session, PAGES):
            followed.append(await turn(session))
    return alone, followed


if __name__ == "__main__":
    main(measure, __doc__)
