"""Stores in SQLite and in a real PostgreSQL server of the test's own."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Start a PostgreSQL server that listens on a socket file only; return its URL."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("needs PostgreSQL's server: apt-get install postgresql")
    # Below /tmp itself: the socket's path must be short, and the server's user must get there.
    place = Path(tempfile.mkdtemp(prefix="agentos-postgres-"))
    user = _server_user()
    try:
        if user is not None:
            os.chown(place, user.pw_uid, user.pw_gid)
        _run(programs[-1] / "initdb", "-D", place / "data", "-A", "trust", "-U", "tester")
        options = f"-c listen_addresses= -c unix_socket_directories={place} -c fsync=off"
        control = programs[-1] / "pg_ctl"
        _run(control, "-D", place / "data", "-o", options, "-l", place / "log", "-w", "start")
        try:
            yield f"postgresql://tester@/postgres?host={place}"
        finally:
            _run(control, "-D", place / "data", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(place)


def _server_user() -> pwd.struct_passwd | None:
    """Return whom to run the server as, which refuses root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _run(*command: object) -> None:
    user = _server_user()
    ids = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    done = subprocess.run(
        [str(word) for word in command],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
        **ids,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a store that does not exist yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/agentos.db"
        return
    server: str = request.getfixturevalue("postgres")
    name = f"agentos_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")
