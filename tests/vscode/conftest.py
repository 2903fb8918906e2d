"""The extension, packaged; a hub; and a real editor that both are in."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, ViewportSize, expect
from tests.web.conftest import PATIENCE, Place, Profiles, run
from tests.web.conftest import browser as browser
from tests.web.conftest import profile as profile

from agentos.hub.actions import Actions, extension_actions
from agentos.hub.web.files import DIST

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "extensions" / "vscode"
#: Where scripts/code_server.sh put an editor.
EDITOR = os.environ.get("AGENTOS_TEST_CODE_SERVER")
#: What it says when it does.
LISTENS = re.compile(r"server listening on (http://127\.0\.0\.1:\d+)")
MADE = ("node_modules", "dist", "out", "*.vsix")
NO_EDITOR = "scripts/code_server.sh DIRECTORY, and AGENTOS_TEST_CODE_SERVER=DIRECTORY"


@pytest.fixture(scope="session")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension with its tools, in a tree of its own."""
    tree = tmp_path_factory.mktemp("tree")
    copy = tree / SOURCES.relative_to(ROOT)
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns(*MADE))
    shutil.copytree(DIST, tree / DIST.relative_to(ROOT))
    tools = SOURCES / "node_modules"
    if (tools / ".package-lock.json").exists():
        (copy / "node_modules").symlink_to(tools)
    else:
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=copy, check=True)
    return copy


@pytest.fixture(scope="session")
def package(extension: Path) -> Path:
    """The extension as one file."""
    packaged = run(Actions(extension_actions(extension)).run("package"))
    assert packaged.ok, packaged.output
    assert packaged.artefact
    return Path(packaged.artefact)


@dataclass
class Editor:
    """A real editor as a server, with the extension in it and a hub beside it."""

    directory: Path
    place: Place
    url: str = ""

    def __post_init__(self) -> None:
        self.programs = self.directory / "bin"
        self.data = self.directory / "data"
        self.workspace = self.directory / "instrument"
        self.log = self.directory / "editor.log"
        for made in (self.programs, self.data / "User", self.workspace):
            made.mkdir(parents=True)
        self.program("agentos", f'"{sys.executable}" -m agentos')
        words = f'--user-data-dir "{self.data}" --extensions-dir "{self.directory}/extensions"'
        self.program("code", f'"{EDITOR}/code-server" --config "{self.directory}/none" {words}')
        self.settings()

    def program(self, name: str, command: str) -> None:
        path = self.programs / name
        path.write_text(f'#!/bin/sh\nHOME="{self.directory}" exec {command} "$@"\n')
        path.chmod(0o755)

    def settings(self, **more: Any) -> None:
        """Write the user's settings, which hold at once."""
        said = {
            "agentos.path": str(self.programs / "agentos"),
            "security.workspace.trust.enabled": False,
            "telemetry.telemetryLevel": "off",
            "workbench.startupEditor": "none",
            "workbench.tips.enabled": False,
            **more,
        }
        (self.data / "User" / "settings.json").write_text(json.dumps(said))

    def install(self, package: Path) -> None:
        """Install the extension as the hub's tool does."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{self.programs}{os.pathsep}{os.environ['PATH']}")
            installed = run(Actions(extension_actions(package.parent)).run("install"))
        assert installed.ok, installed.output

    def start(self) -> subprocess.Popen[bytes]:
        words = ["--auth", "none", "--bind-addr", "127.0.0.1:0", "--disable-telemetry"]
        command = [str(self.programs / "code"), *words, "--disable-update-check"]
        with self.log.open("wb") as log:
            started = subprocess.Popen(
                command, env=self.place.environment, stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + PATIENCE
        while not (listens := LISTENS.search(self.log.read_text())):
            assert started.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.1)
        self.url = f"{listens[1]}/?folder={self.workspace}"
        return started


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory, package: Path) -> Iterator[Editor]:
    """An editor that runs, with a hub that does."""
    if EDITOR is None:
        pytest.skip(f"there is no editor: {NO_EDITOR}")
    place = Place(tmp_path_factory.mktemp("place"))
    place.furnish()
    with place.served():
        found = Editor(tmp_path_factory.mktemp("editor"), place)
        found.install(package)
        process = found.start()
        try:
            yield found
        finally:
            process.terminate()
            process.wait(PATIENCE)


@dataclass
class Window:
    """A window of the editor, in a browser."""

    page: Page

    @property
    def dashboard(self) -> FrameLocator:
        """What the dashboard's tab shows."""
        return self.page.frame_locator("iframe.webview").frame_locator("#active-frame")

    @property
    def cost(self) -> Locator:
        return self.page.locator(".statusbar-item", has_text="$").locator("visible=true").first

    def line(self, text: str) -> Locator:
        """A line of the sidebar."""
        return self.page.get_by_role("treeitem").filter(has_text=text).first

    def do(self, command: str) -> None:
        """Choose a command of the palette."""
        self.page.keyboard.press("F1")
        field = self.page.locator(".quick-input-widget input")
        field.fill(f">{command}")
        # Not by a click: the list uses its lines again for others while it is filtered.
        first = self.page.locator(".quick-input-list .monaco-list-row.focused")
        expect(first).to_contain_text(command)
        self.page.keyboard.press("Enter")


Open = Callable[..., Window]


@pytest.fixture
def window(profile: Profiles, editor: Editor) -> Open:
    """Open windows of the editor, in which the extension's sidebar is."""
    editor.place.up()  # whatever a test before did to it

    def open_window(**options: Any) -> Window:
        size = ViewportSize(width=1280, height=800)
        page = profile(viewport=size, **options).new_page()
        page.goto(editor.url)
        tab = page.get_by_role("tab", name=re.compile("^AgentOS"))
        tab.click()
        found = Window(page)
        expect(page.get_by_role("treeitem").first).to_be_visible()
        return found

    return open_window
