"""The hub's file tools: a search of 100,000 files beside ripgrep alone, and a small read."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

from measure import Figure, main, median_figure

from agentos.hub.files.files import ConfinedFiles

FILES = 100_000
ROUNDS = 15
READS = 2000
PATTERN = r"needle_[0-9]+"
_LINE = "    value = compute(argument, other) + 1  # as the caller says\n"


def plant(root: Path) -> None:
    """Write files of 2 KB in directories of a hundred; one in a thousand holds a match."""
    for number in range(FILES):
        directory = root / f"package_{number // 10_000}" / f"module_{number // 100}"
        if number % 100 == 0:
            directory.mkdir(parents=True)
        text = _LINE * 32
        if number % 1000 == 0:
            text += f"needle_{number}\n"
        (directory / f"file_{number}.py").write_text(text)


async def ripgrep(root: Path) -> float:
    """Search as one would by hand, the output read to its end."""
    start = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        "rg", "--no-config", "--json", PATTERN, "./", cwd=root, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    seconds = time.perf_counter() - start
    assert output.count(b'"type":"match"') == FILES // 1000, process.returncode
    return seconds


async def search(files: ConfinedFiles) -> float:
    """Search with the tool."""
    start = time.perf_counter()
    found = await files.search(PATTERN)
    seconds = time.perf_counter() - start
    assert found.matches == FILES // 1000
    return seconds


async def read(files: ConfinedFiles, path: str) -> float:
    """Read a small file many times; the seconds of one."""
    start = time.perf_counter()
    for _ in range(READS):
        await files.read(path)
    return (time.perf_counter() - start) / READS


async def measure() -> list[Figure]:
    if shutil.which("rg") is None:
        sys.exit("ripgrep is not installed, so there is nothing to compare with")
    with tempfile.TemporaryDirectory(prefix="agentos-search-") as place:
        root = Path(place)
        plant(root)
        files = ConfinedFiles([root])
        alone, ours = [], []
        for number in range(ROUNDS + 2):
            seconds = await ripgrep(root), await search(files)
            if number >= 2:
                alone.append(seconds[0])
                ours.append(seconds[1])
        reads = [await read(files, "package_0/module_0/file_0.py") for _ in range(ROUNDS)]
        files.close()
    return [
        median_figure(f"ripgrep alone over {FILES:,} files", alone, alone),
        median_figure("search with the hub's file tools", ours, alone, most_ratio=1.3),
        median_figure("read a file of 2 KB", reads, alone, most=1),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
