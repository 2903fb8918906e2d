"""A search finds the same with ripgrep and without, whatever the tree."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agentos.errors import FileRefused
from agentos.hub.files.files import ConfinedFiles
from agentos.hub.files.results import SearchResult

NAMES = ["a", "b", "a.txt", "b.py", "node_modules", ".hidden", "c-d", "ab", "A", "é.txt", "x y"]
GLOBS = [
    "*",
    "a",
    "/a",
    "a/",
    "/a/",
    "*.txt",
    "!*.txt",
    "!a",
    "!/a/b",
    "a/b",
    "a/*",
    "a/**",
    "**/b",
    "**/a/*.py",
    "a/**/b",
    "**",
    "!**",
    "/*",
    "!/*/",
    "node_modules",
    "!.hidden",
    "[ab]",
    "[!a]*",
    "[a-b].py",
    "?",
    "?.???",
    "*.{txt,py}",
    "# comment",
    "\\#",
    "\\!a",
    "a\\ ",
    "trailing  ",
    "",
    "x y",
    "é*",
    "c[-x]d",
    "{a,b}",
    "a*b",
    "***",
    "b.py/",
    "[",
    "a//b",
    "./a",
]
CONTENTS = [
    b"needle\n",
    b"hay\nneedle one\nNEEDLE two\nhay\n",
    b"needle\r\nend\r\n",
    b"no end of line needle",
    b"",
    b"\n\n\n",
    b"needle before\0binary",
    b"\0",
    "\ufeffneedle with mark\n".encode(),
    "needle in äöü \u017f \u212a utf-16\n".encode("utf-16"),
    b"\xff\xfe" + "needle\nlittle\n".encode("utf-16-le"),
    b"\xfe\xff" + "needle\nbig\n".encode("utf-16-be"),
    "needle é in latin\n".encode("latin-1"),
    b"caf\xe9 needle \xff\xfe\n",
    "word_1 wörd żółć 日本 needle.\n".encode(),
    b"a.b (c) [d] {e} $f ^g |h \\i\n",
    b"needle\x0bvertical\x0cfeed\x1cfile\x85next\n",
    "space\u00a0\u2028needle\u3000x\n".encode(),
    b"x" * 70_000 + b" needle\n",
    b"needle\n" * 40,
]
PATTERNS = [
    "needle",
    "^needle",
    "needle$",
    "n.edle",
    "NEEDLE",
    r"\bneedle\b",
    r"\w+\s\w+",
    r"\d",
    r"[^a-z ]+",
    r"caf.",
    r"caf\W",
    r"\S+\.$",
    r"^$",
    r"(hay|end)$",
    r"(?i)Needle",
    r"\x{e9}",
    r"é",
    r"\p{L}\p{L}ś?",
    r"\P{L}",
    r"[[:alpha:]]+_\d",
    r"needle{1,2}",
    r"{e}",
    r"\$f \^g",
    r"\/|\"|a\.b",
    r"e{2}d",
    r"x+ n",
    r".",
    r"\s",
    r"[\s]n",
    r"needle|",
]

trees = st.dictionaries(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join),
    st.sampled_from(CONTENTS),
    max_size=12,
)
rules = st.dictionaries(
    st.tuples(
        st.sampled_from(["", "a/", "a/b/", "b/", "node_modules/"]),
        st.sampled_from([".gitignore", ".ignore", ".rgignore"]),
    ),
    st.lists(st.sampled_from(GLOBS), max_size=5).map("\n".join),
    max_size=4,
)
wanted_globs = st.lists(
    st.sampled_from([glob for glob in GLOBS if glob.strip() and glob not in ("[", "# comment")]),
    max_size=3,
)


def plant(root: Path, files: dict[str, bytes]) -> None:
    """Write the files that can be, where no file stands in the way of a directory."""
    for path, content in files.items():
        place = root / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue


async def both(files: ConfinedFiles, pattern: str, **options: object) -> SearchResult:
    """Search both ways and compare."""
    quick = await files.search(pattern, **options)  # type: ignore[arg-type]
    alone = await files.search(pattern, ripgrep=False, **options)  # type: ignore[arg-type]
    assert quick == alone, (pattern, options)
    return quick


@pytest.fixture(autouse=True)
def _ripgrep() -> None:
    assert shutil.which("rg"), "the check of a clean checkout installs ripgrep"


_SETTINGS = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_SETTINGS
@given(trees, rules, wanted_globs, st.booleans(), st.booleans(), st.booleans())
@example({"a/b": b"needle\n"}, {("", ".gitignore"): "a"}, ["a/**"], False, False, False)
@example({"a/a.txt": b"needle\n"}, {("", ".gitignore"): "*.txt\n!a/"}, [], False, False, False)
@example({"a/.hidden": b"needle\n"}, {("", ".ignore"): "!.hidden"}, [], False, False, True)
async def test_the_same_files(
    tree: dict[str, bytes],
    ignore: dict[tuple[str, str], str],
    globs: list[str],
    hidden: bool,
    ignored: bool,
    below: bool,
) -> None:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        plant(root, tree)
        plant(root, {f"{where}{name}": text.encode() for (where, name), text in ignore.items()})
        path = "a" if below and (root / "a").is_dir() else "."
        files = ConfinedFiles([root])
        try:
            await both(files, "needle", path=path, globs=globs, hidden=hidden, ignored=ignored)
        finally:
            files.close()


@_SETTINGS
@given(
    st.lists(st.sampled_from(CONTENTS), min_size=1, max_size=6),
    st.sampled_from(PATTERNS),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2),
)
async def test_the_same_lines(
    contents: list[bytes], pattern: str, ignore_case: bool, fixed: bool, context: int
) -> None:
    with tempfile.TemporaryDirectory() as place:
        plant(Path(place), {f"f{n}": content for n, content in enumerate(contents)})
        files = ConfinedFiles([Path(place)])
        try:
            await both(files, pattern, ignore_case=ignore_case, fixed=fixed, context=context)
        finally:
            files.close()


@_SETTINGS
@given(
    st.text(st.sampled_from('ab.*+?()[]{}|^$\\ dwsWbp-é"/<'), min_size=1, max_size=7),
    st.booleans(),
)
async def test_any_pattern(pattern: str, fixed: bool) -> None:
    with tempfile.TemporaryDirectory() as place:
        lines = ["ab a-b a.b", "(a) [b] {a}", "a|b a^b $a \\b \\d \\w", 'é/a "b" <a>', "dws W", ""]
        plant(Path(place), {"f": "\n".join(lines).encode(), "g": "\r\n".join(lines).encode()})
        plant(Path(place), {f"each{n}": line.encode() for n, line in enumerate(lines)})
        files = ConfinedFiles([Path(place)])
        try:
            await both(files, pattern, fixed=fixed)
        except FileRefused as error:
            if fixed or error.code != "pattern_invalid":
                raise
        finally:
            files.close()


@pytest.mark.parametrize("pattern", [p for p in PATTERNS if "{e}" not in p and '"' not in p])
async def test_as_ripgrep_itself_prints(tmp_path: Path, pattern: str) -> None:
    """Compare with the lines that ripgrep prints of plain text, so that both are not wrong."""
    plant(tmp_path, {f"f{n}": text for n, text in enumerate(CONTENTS) if b"\0" not in text})
    files = ConfinedFiles([tmp_path])
    try:
        found = await both(files, pattern, limit=100_000)
    finally:
        files.close()
    ran = await asyncio.to_thread(
        subprocess.run,
        ["rg", "--no-config", "--line-number", "--no-heading", "--crlf", "-e", pattern, "./"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        check=False,
    )
    printed = {tuple(line.split(b":")[:2]) for line in ran.stdout.splitlines() if b":" in line}
    ours = {
        (f"./{file.path}".encode(), str(line.line).encode())
        for file in found.files
        for line in file.lines
    }
    assert ours == {entry for entry in printed if entry[0].startswith(b"./")}
