"""What goes wrong around a hub: a clear message each, and nothing left."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess

import pytest
from tests.hub.lifecycle.conftest import Place, end, line_of


@pytest.mark.parametrize("command", ["serve", "up"])
def test_a_token_that_others_can_read_is_refused_at_the_start(place: Place, command: str) -> None:
    place.agentos("token", "show")
    (place.state / "token").chmod(0o644)
    ran = place.agentos(command, "--port", "0")
    assert ran.returncode == 1
    assert f"{place.state}/token can be read by others (mode 0644)" in ran.stderr
    assert f"chmod 600 {place.state}/token" in ran.stderr
    assert "Traceback" not in ran.stderr
    place.require_nothing_left()


@pytest.mark.parametrize("command", ["serve", "up"])
def test_a_port_that_was_asked_for_and_is_taken_is_refused(place: Place, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = place.agentos(command, "--port", str(port))
    assert ran.returncode == 1
    assert f"port {port} of 127.0.0.1 is taken by another program" in ran.stderr
    assert "--port 0" in ran.stderr
    place.require_nothing_left()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_beyond_loopback_it_does_not_listen_without_tls(place: Place, host: str) -> None:
    ran = place.agentos("up", "--host", host, "--port", "0")
    assert ran.returncode == 1
    assert f"the hub does not listen on {host} without TLS" in ran.stderr
    place.require_nothing_left()


@pytest.mark.parametrize("command", ["serve --port 0", "up --port 0", "token show"])
def test_a_full_disk_is_told(place: Place, command: str) -> None:
    place.state.mkdir()
    # A mount namespace of its own: the full disk is gone with the command.
    words = " ".join(shlex.quote(word) for word in place.command())
    script = (
        f"mount -t tmpfs -o size=16k tmpfs {place.state} && chmod 700 {place.state} && "
        f"{{ cat /dev/zero >{place.state}/filler 2>/dev/null; exec {words} {command}; }}"
    )
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        capture_output=True,
        text=True,
        env=place.environment,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 1
    assert "no space" in ran.stderr.lower(), ran.stderr
    assert "Traceback" not in ran.stderr
    place.require_nothing_left()


def test_a_home_that_is_moved_away_is_told_until_it_is_back(place: Place) -> None:
    place.home.mkdir()
    place.up()
    assert place.agentos("status").returncode == 0
    place.home.rename(place.root / "elsewhere")
    status = place.agentos("status")
    assert status.returncode == 1
    assert f"the AgentOS home {place.home} is not there any more" in status.stderr
    (place.root / "elsewhere").rename(place.home)
    assert place.agentos("status").returncode == 0


def test_a_state_directory_that_is_moved_away_is_told_until_it_is_back(place: Place) -> None:
    process = place.serve("--port", "0")
    url = line_of(process).split()[5]
    token = (place.state / "token").read_text().strip()
    away = place.root / "elsewhere"
    place.state.rename(away)
    answer = _get(url, token)
    assert b" 503 " in answer.splitlines()[0]
    assert b'"token_file_missing"' in answer
    assert place.agentos("status").returncode == 3
    away.rename(place.state)
    assert b" 200 " in _get(url, token).splitlines()[0]
    assert end(process, signal.SIGTERM)[0] == 0
    place.require_nothing_left()


def _get(url: str, token: str) -> bytes:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(
            f"GET /openapi.json HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n"
            f"Authorization: Bearer {token}\r\n\r\n".encode()
        )
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_next_hub_that_cannot_start_leaves_the_old_one(place: Place) -> None:
    running = place.up()
    for suffix in ("", "-wal", "-shm"):
        (place.root / f"agentos.db{suffix}").unlink(missing_ok=True)
    (place.root / "agentos.db").write_bytes(b"this is no database" * 100)
    ran = place.agentos("restart")
    assert ran.returncode == 1
    assert "is damaged" in ran.stderr
    assert place.running() == running
    assert place.ask("GET", "/healthz")[0] == 200
    assert place.agentos("down").returncode == 0
    place.require_nothing_left()


def test_a_hub_that_hangs_is_told(place: Place) -> None:
    running = place.up()
    os.kill(running["pid"], signal.SIGSTOP)
    status = place.agentos("status")
    assert status.returncode == 1
    assert f"it does not answer at {running['url']}" in status.stderr
    os.kill(running["pid"], signal.SIGCONT)
    assert place.agentos("status").returncode == 0


def test_a_token_that_opens_up_or_goes_while_the_hub_runs_is_told(place: Place) -> None:
    place.up()
    (place.state / "token").chmod(0o644)
    status = place.agentos("status")
    assert status.returncode == 1
    assert f"{place.state}/token can be read by others (mode 0644)" in status.stderr
    (place.state / "token").unlink()
    status = place.agentos("status")
    assert status.returncode == 1
    assert "`agentos token show` makes a new one" in status.stderr
    assert place.agentos("token", "show").returncode == 0
    assert place.agentos("status").returncode == 0
    assert place.ask("GET", "/openapi.json")[0] == 200


def test_a_token_of_another_user_is_refused(place: Place) -> None:
    place.up()
    os.chown(place.state / "token", 65533, 65533)
    ran = place.agentos("token", "show")
    assert ran.returncode == 1
    assert "belongs to uid 65533" in ran.stderr
    assert place.ask("GET", "/openapi.json")[0] == 503
