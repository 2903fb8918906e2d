"""A real S3 server for mounts of objects, and a cache of the test's own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.s3_server import Bucket, Requests, moto


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    log = tmp_path_factory.mktemp("moto") / "log"
    server, endpoint = moto(log)
    yield endpoint, log
    server.terminate()
    server.wait()


@pytest.fixture
def s3(_server: tuple[str, Path]) -> str:
    """A real S3 server on loopback."""
    return _server[0]


@pytest.fixture
def requests(_server: tuple[str, Path]) -> Requests:
    """What the server is asked."""
    return Requests(_server[1])


@pytest.fixture
def bucket(s3: str, data: Path) -> Bucket:
    """An empty bucket, and a cache for it."""
    made = Bucket(s3, f"bucket-{secrets.token_hex(6)}")
    made.make()
    return made


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of the test's own."""
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"
