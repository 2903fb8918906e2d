"""The rules of paths on each platform, which are the same wherever they are asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.errors import ConfigInvalid
from agentos.sync.clients import CLIENTS
from agentos.sync.clients.paths import (
    directory_in,
    linux_path,
    started_from,
    user_home,
    windows_path,
)

LINUX = {"HOME": "/home/me"}
MACOS = {"HOME": "/Users/me"}
WINDOWS = {"USERPROFILE": "C:\\Users\\me", "HOMEDRIVE": "C:", "HOMEPATH": "\\Users\\me"}


@pytest.mark.parametrize(
    ("env", "home"),
    [
        (LINUX, "/home/me"),
        (MACOS, "/Users/me"),
        (WINDOWS, "C:\\Users\\me"),
        ({"HOMEDRIVE": "D:", "HOMEPATH": "\\me"}, "D:\\me"),
        ({"HOME": "", "USERPROFILE": "C:\\x"}, "C:\\x"),
    ],
)
def test_the_home_is_what_the_platform_calls_so(env: dict[str, str], home: str) -> None:
    assert str(user_home(env)) == home


def test_a_home_that_is_not_known_is_said() -> None:
    with pytest.raises(ConfigInvalid, match="home directory"):
        user_home({"HOMEDRIVE": "C:"})


@pytest.mark.parametrize(
    ("said", "directory"),
    [
        ("/srv/codex", "/srv/codex"),
        ("~/other", "/home/me/other"),
        ("~", "/home/me"),
        ("", "/home/me/.codex"),
        ("  ", "/home/me/.codex"),
        ("relative", "/home/me/relative"),
    ],
)
def test_a_variable_moves_a_client(said: str, directory: str) -> None:
    assert str(directory_in({**LINUX, "CODEX_HOME": said}, "CODEX_HOME", ".codex")) == directory


@pytest.mark.parametrize(
    ("client", "env", "directory"),
    [
        ("codex", {}, ".codex"),
        ("claude", {}, ".claude"),
        ("cursor", {}, ".cursor"),
        ("gemini", {}, ".gemini"),
        ("opencode", {}, ".config/opencode"),
        ("codex", {"CODEX_HOME": "/x"}, "/x"),
        ("claude", {"CLAUDE_CONFIG_DIR": "/x"}, "/x"),
        ("cursor", {"CURSOR_CONFIG_DIR": "/x"}, "/x"),
        ("gemini", {"GEMINI_CLI_HOME": "/x"}, "/x/.gemini"),
        ("opencode", {"XDG_CONFIG_HOME": "/x"}, "/x/opencode"),
    ],
)
@pytest.mark.parametrize("platform", [LINUX, MACOS])
def test_each_client_has_its_directory(
    client: str, env: dict[str, str], directory: str, platform: dict[str, str]
) -> None:
    places = CLIENTS[client].places({**platform, **env})
    assert places.directory == Path(platform["HOME"]) / directory
    assert places.user_home == Path(platform["HOME"])


@pytest.mark.parametrize(
    ("linux", "windows"),
    [
        ("/mnt/c/Users/me/.codex", "C:\\Users\\me\\.codex"),
        ("/mnt/d", "D:\\"),
        ("/mnt/c/", "C:\\"),
    ],
)
def test_windows_and_its_linux_name_the_same_file(linux: str, windows: str) -> None:
    assert windows_path(linux) == windows
    assert linux_path(windows) == linux.rstrip("/")


@pytest.mark.parametrize("path", ["/home/me", "/mnt/wsl/x", "/mnt", "/mnt/cc/x", "mnt/c"])
def test_what_is_on_no_drive_has_no_name_in_windows(path: str) -> None:
    assert windows_path(path) is None


@pytest.mark.parametrize("path", ["\\\\server\\share\\x", "C:relative", "Users\\me", "/home/me"])
def test_what_is_on_no_drive_has_no_name_in_linux(path: str) -> None:
    assert linux_path(path) is None


def test_only_programs_of_windows_need_a_way_into_linux() -> None:
    command = ("/usr/bin/agentos", "mcp")
    windows, linux = Path("/mnt/c/Users/me/.cursor"), Path("/home/me/.cursor")
    assert started_from(linux, command, "Debian") == command
    assert started_from(windows, command, None) == command
    assert started_from(windows, command, "Debian") == (
        *("wsl.exe", "-d", "Debian", "--"),
        *command,
    )
