"""No path leads out of the root, by any verb."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.hub.files.ground import SECRET, Ground, leftovers

from agentos.errors import FileRefused
from agentos.hub.files.files import ConfinedFiles
from agentos.hub.files.names import below, check_portable, is_git_directory, split

#: `{outside}` and `{root}` stand for the directories; what links there are is in `set_traps`.
NEVER = [
    # climbing
    "..",
    "../",
    "../outside/secret",
    "./../outside/secret",
    "a/../../outside/secret",
    "a/b/../../../outside/secret",
    "a/../../../../../../../../etc/passwd",
    "a/..//..//outside/secret",
    "../root/../outside/secret",
    "a/../a/in",
    "{root}/../outside/secret",
    "{root}/a/../../outside/secret",
    "{root}/..",
    ".. /outside/secret",
    " ../outside/secret",
    # absolute
    "/",
    "//",
    "/etc/passwd",
    "//etc/passwd",
    "///etc/shadow",
    "{outside}/secret",
    "{outside}",
    "{root}x/secret",
    "{root}-other/secret",
    "/proc/self/root{outside}/secret",
    "/proc/self/cwd/secret",
    "/proc/self/environ",
    "/proc/self/fd/0",
    "/proc/1/root/etc/passwd",
    "/dev/stdin",
    "/dev/zero",
    "/sys/kernel/notes",
    # links that lead out
    "to-file",
    "to-directory",
    "to-directory/secret",
    "to-directory/new",
    "to-parent/outside/secret",
    "to-top/etc/passwd",
    "relative-file",
    "relative-directory/secret",
    "relative-directory/new",
    "chain-1",
    "chain-directory-1/secret",
    "a/deep-link",
    "a/deep-link-directory/secret",
    "through-inside/../../outside/secret",
    "inside-then-out/secret",
    "dangling-out",
    "dangling-out/new",
    "loop",
    "loop/secret",
    "loop-1/secret",
    "self-directory/self-directory/to-file",
    "magic-root/etc/passwd",
    "magic-cwd/secret",
    "magic-fd",
    "magic-exe",
    "prefix-link/secret",
    # hard links, and what is no file
    "hard",
    "a/hard",
    "self-directory/hard",
    "pipe",
    "pipe/x",
    "socket",
    "device",
    "zero",
    # Unicode that some system takes for dots or separators
    "\uff0e\uff0e/outside/secret",
    "\u2025/outside/secret",
    "\u2024\u2024/outside/secret",
    ".\uff0e/outside/secret",
    "..\uff0foutside\uff0fsecret",
    "..\uff3coutside\uff3csecret",
    "\uff0e",
    "\u2024",
    # what is no name
    "a\0b",
    "a/in\0.txt",
    "\0",
    "../\0",
    "x" * 256,
    "x" * 5000,
    "a/" * 3000,
    "é" * 200,
    # as URIs and percent signs, which mean nothing here
    "file://{outside}/secret",
    "file:///etc/passwd",
    "%2e%2e/outside/secret",
    "..%2foutside%2fsecret",
    "%2e%2e%2foutside%2fsecret",
    "..%00/outside/secret",
    "~/secret",
    "~root/secret",
    "$HOME/secret",
    "${{HOME}}/secret",
]

#: May be read if it is there, but is never made or changed.
NEVER_WRITTEN = [
    ".git/hooks/pre-commit",
    ".git/config",
    ".git",
    ".GIT/config",
    ".Git/hooks/post-checkout",
    "a/.git/hooks/pre-commit",
    "to-git/hooks/pre-commit",
    "to-hooks/pre-commit",
    "git~1/config",
    ".g\u200cit/config",
    ".git\u200d/config",
    "\uff0egit/config",
    ".\uff47\uff49\uff54/config",
    ".git./config",
    ".git /config",
    ".git::$INDEX_ALLOCATION/config",
    "a.txt:stream",
    "a.txt::$DATA",
    "a:b",
    "CON",
    "con.txt",
    "nul",
    "a/NUL.tar.gz",
    "COM1",
    "com1.log",
    "LPT9",
    "COM¹",
    "aux.c",
    "PRN ",
    "CONIN$",
    "clock.txt.",
    "trailing ",
    "trailing...",
    "..\\outside\\secret",
    "..\\..\\outside\\secret",
    "C:\\Windows\\win.ini",
    "\\\\server\\share\\file",
    "\\\\?\\C:\\secret",
    "a\\b",
    "what?",
    "star*",
    "a|b",
    'quote"',
    "<tag>",
    "new\nline",
    "bell\x07",
    "a/\x1b[2J",
    "\udcff",
]


def set_traps(ground: Ground) -> None:
    """Put links, hard links, a pipe, a socket and devices into the root."""
    root, outside = ground.root, ground.outside
    (root / "a/b").mkdir(parents=True)
    (root / "a/in").write_text("inside\n")
    (root / ".git/hooks").mkdir(parents=True)
    (root / ".git/config").write_text("[core]\n")
    links = {
        "to-file": f"{outside}/secret",
        "to-directory": str(outside),
        "to-parent": "..",
        "to-top": "/",
        "relative-file": "../outside/secret",
        "relative-directory": "../outside",
        "chain-1": "chain-2",
        "chain-2": "a/chain-3",
        "a/chain-3": "../to-file",
        "chain-directory-1": "chain-directory-2",
        "chain-directory-2": "a/../../outside",
        "a/deep-link": "../../outside/secret",
        "a/deep-link-directory": "../../outside",
        "through-inside": "a/b",
        "inside-then-out": "a/deep-link-directory",
        "dangling-out": f"{outside}/not-there",
        "loop": "loop",
        "loop-1": "loop-2",
        "loop-2": "loop-1",
        "self-directory": ".",
        "magic-root": "/proc/self/root",
        "magic-cwd": "/proc/self/cwd",
        "magic-fd": "/proc/self/fd/0",
        "magic-exe": "/proc/self/exe",
        "prefix-link": f"{root}-other",
        "to-git": ".git",
        "to-hooks": "a/../.git/hooks",
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    (root.parent / "root-other").mkdir()
    (root.parent / "root-other/secret").write_text(SECRET)
    os.link(outside / "secret", root / "hard")
    os.link(outside / "secret", root / "a/hard")
    os.mkfifo(root / "pipe")
    os.mknod(root / "device", 0o600 | 0o020000, os.makedev(1, 3))
    os.mknod(root / "zero", 0o600 | 0o020000, os.makedev(1, 5))
    with socket.socket(socket.AF_UNIX) as unix:
        here = os.getcwd()
        os.chdir(root)  # the path of a socket is short
        try:
            unix.bind("socket")
        finally:
            os.chdir(here)


@pytest.fixture
def trapped(ground: Ground) -> Ground:
    """The root with all traps."""
    set_traps(ground)
    return ground


def test_there_are_many() -> None:
    assert len(NEVER) >= 80
    assert len(NEVER_WRITTEN) >= 40


def asked(files: ConfinedFiles, verb: str, path: str) -> Coroutine[Any, Any, object]:
    """Ask a verb for a path."""
    if verb == "read":
        return files.read(path)
    if verb == "list":
        return files.list(path)
    if verb.startswith("search"):
        return files.search("secret", path=path, ripgrep=verb == "search")
    if verb == "write":
        return files.write(path, "overwritten", create=False)
    if verb == "replace":
        return files.replace(path, "secret", "overwritten")
    return files.write(path, "overwritten", mkdirs=True)


async def refusal_of(files: ConfinedFiles, verb: str, path: str) -> FileRefused:
    """Have a verb refuse a path."""
    with pytest.raises(FileRefused) as caught:
        await asked(files, verb, path)
    return caught.value


@pytest.mark.parametrize("verb", ["read", "list", "search", "search alone", "write", "replace"])
async def test_no_verb_leaves_the_root(verb: str, trapped: Ground, files: ConfinedFiles) -> None:
    before = trapped.state_outside()
    for path in NEVER:
        hostile = path.format(root=trapped.root, outside=trapped.outside)
        refused = await refusal_of(files, verb, hostile)
        assert refused.code != "io_error", (hostile, refused)
        assert SECRET not in str(refused)
    assert trapped.state_outside() == before
    assert leftovers(trapped.root.parent) == []


async def test_nothing_is_made_outside(trapped: Ground, files: ConfinedFiles) -> None:
    before = trapped.state_outside()
    for path in NEVER:
        hostile = path.format(root=trapped.root, outside=trapped.outside)
        if hostile.startswith(("%2e", "..%", "~", "$HOME", "${")):
            # Nothing but a name: it is made within the root.
            made = await files.write(hostile, "inside", mkdirs=True)
            assert (trapped.root / made.path).read_text() == "inside"
            continue
        await refusal_of(files, "create", hostile)
    assert trapped.state_outside() == before
    assert not (trapped.outside / "not-there").exists()
    assert leftovers(trapped.root.parent) == []


async def test_nothing_runs_later(trapped: Ground, files: ConfinedFiles) -> None:
    """What git or Windows would make of a name: it is not written, and no directory for it."""
    names = {str(path) for path in trapped.root.rglob("*")}
    for path in NEVER_WRITTEN:
        refused = await refusal_of(files, "create", path)
        assert refused.code in ("path_refused", "path_protected", "path_outside_roots"), path
    assert {str(path) for path in trapped.root.rglob("*")} == names
    assert (trapped.root / ".git/config").read_text() == "[core]\n"


async def test_lists_and_searches_show_nothing_of_the_outside(
    trapped: Ground, files: ConfinedFiles
) -> None:
    for ripgrep in (True, False):
        found = await files.search("secret that", hidden=True, ignored=True, ripgrep=ripgrep)
        assert found.files == []
    listed = await files.list(recursive=True, hidden=True)
    assert all(not entry.path.endswith("secret") for entry in listed.entries)


async def test_links_that_stay_inside_are_followed(trapped: Ground, files: ConfinedFiles) -> None:
    (trapped.root / "near").symlink_to("a/in")
    (trapped.root / "absolute").symlink_to(trapped.root / "a/in")
    (trapped.root / "a/up").symlink_to("../a/b/../in")
    (trapped.root / "directory").symlink_to(trapped.root / "a")
    for path in ("near", "absolute", "a/up", "directory/in", "self-directory/self-directory/a/in"):
        assert (await files.read(path)).text == "inside\n"
        await files.replace(path, "inside", "inside")
        assert not (trapped.root / "a/in").is_symlink()
    assert (trapped.root / "near").is_symlink()
    assert (await files.list("directory")).entries
    await files.write("directory/made", "x")
    assert (trapped.root / "a/made").read_text() == "x"


async def test_a_token_within_a_root_stays_hidden(ground: Ground, openat2: bool) -> None:
    state = ground.root / ".agentos"
    state.mkdir()
    (state / "token").write_text(SECRET)
    (ground.root / "link").symlink_to(".agentos/token")
    (ground.root / "directory").symlink_to(".agentos")
    files = ConfinedFiles([ground.root], private=[state], openat2=openat2)
    try:
        for path in (".agentos/token", "link", "directory/token", ".AgentOS/token"):
            for verb in ("read", "write", "replace", "search", "search alone"):
                refused = await refusal_of(files, verb, path)
                assert refused.code in ("path_protected", "not_found"), (path, verb)
        assert (await refusal_of(files, "list", ".agentos")).code == "path_protected"
        assert (await refusal_of(files, "create", "directory/new")).code == "path_protected"
        for ripgrep in (True, False):
            found = await files.search(SECRET, hidden=True, ignored=True, ripgrep=ripgrep)
            assert found.files == []
        assert [e.path for e in (await files.list(hidden=True)).entries] == ["directory", "link"]
    finally:
        files.close()


async def test_a_root_that_is_gone_or_another(ground: Ground, files: ConfinedFiles) -> None:
    (ground.root / "a").write_text("x")
    ground.root.rename(ground.root.parent / "elsewhere")
    assert (await refusal_of(files, "read", "a")).code == "root_gone"
    ground.root.mkdir()
    (ground.root / "a").write_text("another")
    for verb in ("read", "write", "list", "search"):
        assert (await refusal_of(files, verb, "a")).code == "root_replaced"
    ground.root.joinpath("a").unlink()
    ground.root.rmdir()
    ground.root.symlink_to(ground.outside)
    assert (await refusal_of(files, "read", "secret")).code == "root_replaced"


async def test_several_roots(ground: Ground, tmp_path: Path) -> None:
    other = tmp_path / "deeper/root"
    other.mkdir(parents=True)
    (other / "b").write_text("of the other")
    (ground.root / "a").write_text("of the first")
    files = ConfinedFiles([ground.root, other])
    try:
        assert (await files.read("a")).path == "root/a"
        assert (await files.read("root/a")).text == "of the first"
        assert (await files.read("root-2/b")).text == "of the other"
        assert (await files.read(str(other / "b"))).path == "root-2/b"
        assert (await refusal_of(files, "read", "root-2/../root/a")).code == "path_outside_roots"
    finally:
        files.close()


WINDOWS = [
    "CON",
    "nul.txt",
    "a/aux",
    "COM1.log",
    "a.txt:stream",
    "a.txt::$DATA",
    "dir. /x",
    "x.",
    "C:relative",
    "D:\\elsewhere",
    "..\\up",
    "a\\..\\..\\up",
    "a<b",
    "LPT³",
]


@pytest.mark.parametrize("path", WINDOWS)
def test_names_on_windows(path: str) -> None:
    with pytest.raises(FileRefused):
        split(path, windows=True)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("C:\\Work\\Root\\a\\b", ("a", "b")),
        ("c:/WORK/root/a", ("a",)),
        ("C:\\WORK\\ROOT", ()),
        ("D:\\Work\\Root\\a", None),
        ("C:\\Work\\Rootless\\a", None),
        ("\\\\server\\Work\\Root\\a", None),
        ("\\Work\\Root\\a", None),
        ("/Work/Root/a", None),
    ],
)
def test_roots_on_windows(path: str, parts: tuple[str, ...] | None) -> None:
    assert below(path, "C:\\Work\\Root", windows=True) == parts


def test_device_paths_on_windows() -> None:
    for path in ("\\\\?\\C:\\Work\\Root\\a", "\\\\.\\C:\\Work\\Root\\a", "\\\\.\\PhysicalDrive0"):
        try:
            found = below(path, "C:\\Work\\Root", windows=True)
        except FileRefused:
            continue
        assert found is None


@pytest.mark.parametrize("name", ["a.txt", "console", "com", "com10", "a.b.c", "ä ö", ".gitignore"])
def test_usual_names(name: str) -> None:
    check_portable(name, name)
    assert split(name, windows=True) == (name,)
    assert not is_git_directory(name)


async def test_text_that_no_system_takes(ground: Ground, files: ConfinedFiles) -> None:
    for path in ("\ud800", "a/\udfff", "a\udcff"):
        assert (await refusal_of(files, "read", path)).code == "path_refused"
    (ground.root / "f").write_text("x")
    for pattern in ("\ud800", "a\0", "", "a\nb"):
        for fixed in (True, False):
            with pytest.raises(FileRefused) as caught:
                await files.search(pattern, fixed=fixed)
            assert caught.value.code == "pattern_invalid"
    for glob in ("\ud800", "a\0", "[", "a{b", " "):
        with pytest.raises(FileRefused) as caught:
            await files.search("x", globs=[glob])
        assert caught.value.code == "glob_invalid"


async def test_a_program_in_the_root_is_not_run(
    ground: Ground, files: ConfinedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ground.root / "rg").write_text("#!/bin/sh\ntouch ran\n")
    (ground.root / "rg").chmod(0o755)
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
    assert (await files.search("touch")).matches == 1
    assert not (ground.root / "ran").exists()


async def test_arguments_stay_arguments(ground: Ground, files: ConfinedFiles) -> None:
    (ground.root / "f").write_text("--pre=touch -v --files\n")
    for pattern in ("--pre=touch", "-v", "--files"):
        assert (await files.search(pattern)).matches == 1
        assert (await files.search(pattern, fixed=True)).matches == 1
    assert (await files.search("touch", globs=["--pre=x"])).matches == 0


async def test_a_very_deep_tree(ground: Ground, files: ConfinedFiles) -> None:
    here = os.open(ground.root, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        below_it = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below_it
    os.close(os.open("f", os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)
    (ground.root / "d/needle").write_text("needle")
    try:
        for ripgrep in (True, False):
            assert (await files.search("needle", ripgrep=ripgrep)).matches == 1
        assert len((await files.list(recursive=True)).entries) == 65
        assert (await refusal_of(files, "read", "d/" * 1500 + "f")).code == "name_too_long"
    finally:
        removal = await asyncio.create_subprocess_exec("rm", "-r", ground.root / "d")
        assert await removal.wait() == 0


async def test_a_pattern_that_would_never_end(
    ground: Ground, files: ConfinedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos.hub.files.query._SECONDS", 0.05)
    (ground.root / "f").write_text("a" * 5000 + "b")
    with pytest.raises(FileRefused) as caught:
        await files.search(r"(a|a|aa)*(a|a|aa)*(a|a|aa)*$", ripgrep=False)
    assert caught.value.code == "pattern_too_slow"


async def test_times_beyond_the_calendar(ground: Ground, files: ConfinedFiles) -> None:
    for name, seconds in (("late", 2**60), ("early", -(2**60))):
        (ground.root / name).write_text("")
        try:
            os.utime(ground.root / name, (seconds, seconds))
        except OverflowError:
            continue
    assert [entry.path for entry in (await files.list()).entries] == ["early", "late"]
