"""The real packages, in the data directory that all test runs share."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from agentos.software import CATALOG, Installed, ensure


def says(program: Path, *arguments: str, path: str = os.defpath) -> str:
    done = subprocess.run(
        [program, *arguments], env={"PATH": path}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


async def test_codex_and_what_it_requires_run() -> None:
    layers = await ensure(["codex-acp"])
    assert [(layer.name, layer.version) for layer in layers] == [
        (name, CATALOG[name].version) for name in ("node", "codex", "codex-acp")
    ]
    node, codex, adapter = layers
    path = f"{node.path / 'bin'}:{os.defpath}"
    assert says(node.path / "bin/node", "--version") == f"v{node.version}"
    assert says(node.path / "bin/npm", "--version", path=path).count(".") == 2
    assert says(node.path / "bin/npx", "--version", path=path).count(".") == 2
    assert says(codex.path / "bin/codex", "--version") == f"codex-cli {codex.version}"
    assert says(codex.path / "codex-path/rg", "--version").startswith("ripgrep")
    says(node.path / "bin/node", "--check", str(adapter.path / "dist/index.js"))
    for layer in layers:
        assert _bytes(layer) == layer.size


def _bytes(layer: Installed) -> int:
    files = [path for path in layer.path.rglob("*") if path.is_file() and not path.is_symlink()]
    return sum(path.stat().st_size for path in files if path.name != "agentos-package.json")
