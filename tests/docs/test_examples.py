"""Every Python example in the README and in docs/ runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.s3_server import KEYS, Bucket, moto

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FRAGMENT = """\
import asyncio

import agentos


async def example(vm: agentos.AgentOs) -> None:
{body}


async def main() -> None:
    async with agentos.AgentOs() as vm:
        await example(vm)


asyncio.run(main())
"""


def _examples() -> list[tuple[str, str]]:
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for number, match in enumerate(_BLOCK.finditer(path.read_text()), 1):
            found.append((f"{path.relative_to(ROOT)}-{number}", match.group(1)))
    return found


_EXAMPLES = _examples()


def test_there_are_examples() -> None:
    assert len(_EXAMPLES) >= 7


@pytest.mark.parametrize(
    "source", [source for _, source in _EXAMPLES], ids=[name for name, _ in _EXAMPLES]
)
def test_example_runs(source: str, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    whole = "asyncio.run(" in source or "agentos.blocking" in source
    script.write_text(source if whole else _FRAGMENT.format(body=textwrap.indent(source, " " * 4)))
    ran = _run_beside_s3(script, tmp_path) if "s3://" in source else _run(script, {})
    assert ran.returncode == 0, ran.stderr


def _run(script: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def _run_beside_s3(script: Path, place: Path) -> subprocess.CompletedProcess[str]:
    """Give it a host that has credentials, and an object store with some buckets."""
    server, endpoint = moto(place / "log")
    try:
        datasets, results = Bucket(endpoint, "datasets"), Bucket(endpoint, "results")
        datasets.make()
        results.make()
        datasets.put("2026/rain.csv", b"1\n2\n3\n")
        environment = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": KEYS.access_key_id,
            "AWS_SECRET_ACCESS_KEY": KEYS.secret_access_key,
            "AGENTOS_DATA_DIR": str(place / "data"),
        }
        return _run(script, environment)
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.name)
def test_program_in_examples_runs(path: Path) -> None:
    ran = _run(path, {})
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout
