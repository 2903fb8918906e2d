"""A hub as a process, and pages in a real browser that look at it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from agentos.portfolio.proposals import Inbox

CHROMIUM = Path("/usr/bin/chromium")
WEB = Path(__file__).parents[2] / "web"
#: Seconds for whatever is waited for: other tests may keep both cores busy meanwhile.
PATIENCE = 120.0
expect.set_options(timeout=PATIENCE * 1000)

IDENTITY = """---
updated: 2026-11-02
stability: stable
scope: Who Ada is, and how she wants to be worked with
---
# Identity

Ada writes **backend services** in Python and C, mostly for measuring instruments.

## How to work with her

- Say what you are *not* sure of.
- Small commits; the message says why.
- [ ] Ask before adding a dependency
- [x] Run the tests first

| When | What |
|---|---|
| Mornings | Deep work, no questions |
| Afternoons | Reviews |

> A short answer that is right beats a long one.

```python
def greet(name: str) -> str:
    return f"hello, {name}"
```

More in [preferences](preferences.md) and on [the web](https://example.org/).
"""
PREFERENCES = """---
updated: 2026-03-01
stability: evolving
scope: Tools, languages, style
---
# Preferences

- Python 3.12, `ruff`, `mypy --strict`
- No frameworks for a page of HTML
"""
PROJECTS = "# Projects\n\nNothing here says how fresh it is. See [missing](gone.md).\n"
SETTINGS = """
[fs]
roots = ["{root}/places"]

[[repositories]]
path = "{root}/places/instrument"
push_approval = true

[[actions]]
name = "compile"
directory = "{root}/places/instrument"
command = ["make", "all"]

[[projects]]
name = "instrument"
path = "{root}/places/instrument"
portfolio = ["identity", "pref*"]

[sync]
clients = ["codex", "claude"]
"""
SKILL = """---
name: {name}
description: How {name} is done here. Use when asked for it.
groups: {groups}
---

# {name}

You are {{{{client}}}}. Run `{{{{skills_dir}}}}/{name}/check.sh` first.
"""
FRAGMENT = 'approval_policy = "on-request"\nsandbox_mode = "workspace-write"\n'
CONFIG = """# Ada's own settings: comments stay.
model = "gpt-5.5"          # the usual one
approval_policy = "never"  # she wants it so

[mcp_servers.scope]  # the oscilloscope
command = "scope-mcp"
"""

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run something to its end; in this thread the browser has a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass
class Place:
    """A home and a state directory, and the hub that serves them."""

    root: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.home, self.state = self.root / "home", self.root / "state"
        self.programs = self.root / "bin"
        self.portfolio = self.home / "context-portfolio"
        self.user = self.root / "user"
        self.environment = {
            **os.environ,
            "TZ": "UTC",
            "AGENTOS_STATE_DIR": str(self.state),
            "AGENTOS_HOME": str(self.home),
            "HOME": str(self.user),
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "AGENTOS_STORE_URL": f"sqlite:///{self.root}/agentos.db",
        }
        nobody = ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "CURSOR_CONFIG_DIR", "GEMINI_CLI_HOME")
        for name in ("DISPLAY", "XDG_CONFIG_HOME", *nobody):  # whose records are not read
            self.environment.pop(name, None)
        self.user.mkdir()
        self.programs.mkdir()
        self.portfolio.mkdir(parents=True)
        (self.root / "places" / "instrument").mkdir(parents=True)

    def furnish(self) -> None:
        """Put a user's usual things there."""
        for name, text in (
            ("identity", IDENTITY),
            ("preferences", PREFERENCES),
            ("projects", PROJECTS),
        ):
            (self.portfolio / f"{name}.md").write_text(text)
        (self.home / "agentos.toml").write_text(SETTINGS.format(root=self.root))
        self.furnish_sync()

    def furnish_sync(self) -> None:
        """Put there two clients, what is deployed to them, and what stands in their files."""
        for name in ("codex", "claude"):
            program = self.programs / name
            program.write_text("#!/bin/sh\n")
            program.chmod(0o755)
        clients = self.home / "clients"
        for name, groups in (("review-pr", "[daily]"), ("release-notes", "[releases, daily]")):
            skill = clients / "shared/skills" / name
            skill.mkdir(parents=True)
            (skill / "SKILL.md").write_text(SKILL.format(name=name, groups=groups))
        (clients / "codex").mkdir()
        (clients / "codex/config-fragment.toml").write_text(FRAGMENT)
        (self.user / ".codex").mkdir()
        self.config.write_text(CONFIG)

    @property
    def config(self) -> Path:
        """Codex's own settings."""
        return self.user / ".codex/config.toml"

    def agentos(self, *words: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-m", "agentos", *words],
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=PATIENCE,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def up(self, port: int = 0) -> None:
        self.agentos("up", "--port", str(port))
        self.url = self.running()["url"]

    @contextmanager
    def served(self) -> Iterator[None]:
        """Have its hub run."""
        self.up()
        try:
            yield
        finally:
            self.agentos("down", "--yes")

    def running(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self.state / "hub.json").read_text())
        return said

    def kill(self) -> None:
        os.kill(self.running()["pid"], signal.SIGKILL)

    def link(self) -> str:
        return self.agentos("open", "--print").strip()

    def ask(self, method: str, path: str, body: object = None, client: str = "codex/1.0") -> Any:
        return json.loads(self._send(method, path, body, client, {}))

    def _send(
        self, method: str, path: str, body: object, client: str, more: dict[str, str]
    ) -> bytes:
        token = (self.state / "token").read_text().strip()
        headers = {
            **more,
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "user-agent": client,
        }
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", sent, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            content: bytes = answer.read()
            return content

    def call_tool(self, number: int, call: dict[str, Any]) -> None:
        """Call a tool of the hub as an agent's MCP client does."""
        body = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": call}
        headers = {"accept": "application/json, text/event-stream"}
        self._send("POST", "/mcp", body, "codex-mcp-client/0.5", headers)

    def propose(self, name: str, old: str, new: str, *, reason: str, client: str) -> str:
        base = (self.portfolio / f"{name}.md").read_text()
        return Inbox(self.state).add(name, base, base.replace(old, new), reason, client).id


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield found
        finally:
            found.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A furnished home with its hub."""
    found = Place(tmp_path)
    found.furnish()
    with found.served():
        yield found


Profiles = Callable[..., BrowserContext]


@pytest.fixture
def profile(browser: Browser) -> Iterator[Profiles]:
    """Make browser profiles."""
    made = []

    def make(**options: Any) -> BrowserContext:
        context = browser.new_context(locale="en-GB", **options)
        made.append(context)
        context.set_default_timeout(PATIENCE * 1000)
        return context

    yield make
    for context in made:
        context.close()


Look = Callable[..., Page]
#: Until then, the page goes from the link to where one begins.
LINK_TAKEN = "() => !location.hash.startsWith('#/open/')"


@pytest.fixture
def look(profile: Profiles) -> Iterator[Look]:
    """Open pages, each of a browser profile of its own; nothing in them may fail."""
    failures = []

    def note(what: str) -> None:
        # A hub that is away, and a request that it refuses, are what some tests are about.
        if "Failed to load resource" not in what and "net::ERR" not in what:
            failures.append(what)

    def open_page(url: str, **options: Any) -> Page:
        page = profile(timezone_id="Europe/Vienna", **options).new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda said: note(said.text) if said.type == "error" else None)
        page.goto(url)
        page.wait_for_function(LINK_TAKEN)
        return page

    yield open_page
    assert failures == []


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The page's tools, installed as its lock file says."""
    modules = WEB / "node_modules"
    if not (modules / ".package-lock.json").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=WEB, check=True)
    return modules
