"""serve, up, down, restart, status, logs and token, as a user runs them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import pytest
from tests.hub.lifecycle.conftest import Place, end, line_of


def test_up_status_and_down(place: Place) -> None:
    assert place.agentos("status").returncode == 3
    ran = place.agentos("up", "--port", "0")
    assert (ran.returncode, ran.stderr) == (0, "")
    running = place.running()
    assert running["url"] in ran.stdout
    again = place.agentos("up")
    assert f"The hub already runs: process {running['pid']}," in again.stdout
    assert place.agentos("up", "--port", str(urlsplit(running["url"]).port)).returncode == 0
    other = place.agentos("up", "--port", "1")
    assert other.returncode == 1
    assert f"listens elsewhere: {running['url']}" in other.stderr
    status = place.agentos("status")
    assert (status.returncode, status.stderr) == (0, "")
    assert running["url"] in status.stdout
    said = json.loads(place.agentos("status", "--json").stdout)
    assert said["answering"] is True
    assert said["running"]["pid"] == running["pid"]
    assert "the hub is ready" in place.agentos("logs").stdout
    down = place.agentos("down")
    assert (down.returncode, down.stderr) == (0, "")
    assert place.agentos("down").stdout == "The hub does not run.\n"
    assert "does not run" in place.agentos("status").stdout
    place.require_nothing_left()


def test_tokens_made_by_the_command_hold_at_once(place: Place) -> None:
    place.up()
    token = place.agentos("token", "show").stdout.strip()
    assert token == (place.state / "token").read_text().strip()
    made = place.agentos("token", "create", "--scope", "fs:read", "--expires", "7d", "--name", "x")
    assert made.returncode == 0
    assert "x  fs:read  until" in place.agentos("token", "list").stdout
    scoped = made.stdout.strip()
    assert place.ask("POST", "/api/v1/hub/restart", scoped)[0] == 403
    assert place.ask("GET", "/nowhere", scoped)[0] == 404
    assert place.agentos("token", "revoke", "x").returncode == 0
    assert place.ask("GET", "/nowhere", scoped)[0] == 401
    assert place.agentos("token", "rotate", "--grace", "1h").stdout.strip() != token
    assert place.ask("GET", "/nowhere", token)[0] == 404
    assert place.agentos("token", "rotate").returncode == 0
    assert place.ask("GET", "/nowhere")[0] == 404
    wrong = place.agentos("token", "create", "--scope", "all:of:it")
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (1, False)


def test_serve_ends_in_good_order_on_ctrl_c_and_on_sigterm(place: Place) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        process = place.serve("--port", "0")
        assert line_of(process).startswith("The hub is ready at http://127.0.0.1:")
        code, said = end(process, number)
        assert code == 0
        assert "Traceback" not in said
        place.require_nothing_left()


def test_of_two_servers_at_once_one_serves_and_the_other_says_so(place: Place) -> None:
    both = [place.serve("--port", "0") for _ in range(2)]
    until = time.monotonic() + 60
    while all(process.poll() is None for process in both) and time.monotonic() < until:
        time.sleep(0.02)
    loser, winner = sorted(both, key=lambda process: process.poll() is None)
    assert line_of(winner).startswith("The hub is ready")
    _, said = loser.communicate(timeout=60)
    assert loser.returncode == 1
    assert f"a hub already runs for {place.state}: process {winner.pid}, http://" in said
    assert end(winner, signal.SIGTERM)[0] == 0
    place.require_nothing_left()


def test_several_ups_at_once_are_one_hub(place: Place) -> None:
    starting = [
        subprocess.Popen(
            place.command("up", "--port", "0"),
            stdout=subprocess.PIPE,
            text=True,
            env=place.environment,
        )
        for _ in range(3)
    ]
    said = [process.communicate(timeout=60)[0] for process in starting]
    assert [process.returncode for process in starting] == [0, 0, 0]
    pid = place.running()["pid"]
    assert all(f"process {pid}," in line for line in said), said
    assert sum("is ready" in line for line in said) == 1
    assert place.agentos("down").returncode == 0
    place.require_nothing_left()


def test_a_killed_hub_is_recognised_and_replaced(place: Place) -> None:
    first = place.up()
    os.kill(first["pid"], signal.SIGKILL)
    while (place.processes()) != []:
        time.sleep(0.02)
    status = place.agentos("status")
    assert status.returncode == 3
    assert f"ended without saying so (process {first['pid']}" in status.stdout
    second = place.up()
    assert second["pid"] != first["pid"]
    assert place.ask("GET", "/healthz") == (200, {"status": "ok"})
    assert place.agentos("down").returncode == 0
    place.require_nothing_left()


def test_another_process_with_the_id_of_a_hub_is_not_taken_for_it(place: Place) -> None:
    running = place.up()
    assert place.agentos("down").returncode == 0
    with subprocess.Popen(["sleep", "60"]) as other:
        (place.state / "hub.json").write_text(json.dumps({**running, "pid": other.pid}))
        assert place.agentos("status").returncode == 3
        assert place.agentos("down").stdout == "The hub does not run.\n"
        assert other.poll() is None
        other.kill()
    place.require_nothing_left()


def test_a_restart_loses_no_request(place: Place) -> None:
    pids = {place.up()["pid"]}
    url = urlsplit(place.running()["url"])
    token = (place.state / "token").read_text().strip()
    done, failed, answered = threading.Event(), list[str](), list[int]()

    def stay() -> None:
        """Ask without end over a connection that is kept as long as the hub keeps it."""
        connection = HTTPConnection(url.hostname or "", url.port, timeout=60)
        while not done.is_set():
            _ask(connection, done)
        connection.close()

    def come_anew() -> None:
        while not done.is_set():
            connection = HTTPConnection(url.hostname or "", url.port, timeout=60)
            _ask(connection, done)
            connection.close()

    def _ask(connection: HTTPConnection, done: threading.Event) -> None:
        try:
            connection.request("GET", "/openapi.json", headers={"authorization": f"Bearer {token}"})
            response = connection.getresponse()
            response.read()
            answered.append(response.status)
        except (OSError, HTTPException) as error:
            failed.append(repr(error))
            connection.close()

    threads = [threading.Thread(target=how) for how in (stay, come_anew, stay, come_anew)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            ran = place.agentos("restart")
            assert ran.returncode == 0, ran.stderr
            pids.add(place.running()["pid"])
            before = len(answered)
            while len(answered) < before + 50 and not failed:
                time.sleep(0.01)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert failed == []
    assert set(answered) == {200}
    assert len(pids) == 4
    assert place.agentos("down").returncode == 0
    place.require_nothing_left()


def test_a_request_accepted_before_a_restart_is_answered_after_the_next_hub_has_gone(
    place: Place,
) -> None:
    old = place.up()
    url = urlsplit(old["url"])
    token = (place.state / "token").read_text().strip()
    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        head = (
            f"POST /nowhere HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        connection.sendall(f"{head}1\r\n{{\r\n".encode())
        assert place.agentos("restart").returncode == 0
        assert place.running()["pid"] != old["pid"]
        assert place.agentos("down").returncode == 0
        assert place.agentos("up", "--port", "0").returncode == 0
        assert place.processes().count(old["pid"]) == 1
        connection.sendall(b"1\r\n}\r\n0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"connection: close" in answer
    assert place.agentos("down").returncode == 0
    place.require_nothing_left()


def test_restart_starts_a_hub_that_does_not_run(place: Place) -> None:
    place.up()
    assert place.agentos("down").returncode == 0
    place.environment["AGENTOS_STATE_DIR"] = str(place.state)
    ran = place.agentos("restart")
    assert ran.returncode == 0, ran.stderr
    assert place.ask("GET", "/healthz")[0] == 200


def test_a_hub_in_a_terminal_is_followed_by_one_in_the_background(place: Place) -> None:
    process = place.serve("--port", "0")
    line_of(process)
    ran = place.agentos("restart")
    assert ran.returncode == 0, ran.stderr
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"in the background as process {place.running()['pid']}." in said
    assert place.ask("GET", "/healthz")[0] == 200
    assert place.agentos("down").returncode == 0
    place.require_nothing_left()


def test_status_needs_nothing_heavy(place: Place) -> None:
    place.up()
    program = (
        "import sys; sys.argv = ['agentos', 'status']\n"
        "from agentos.cli.entry import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'fastapi', 'starlette', 'uvicorn', 'pydantic', 'httpx2', 'sqlalchemy', 'typer',"
        " 'structlog', 'mcp', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=place.environment,
        check=True,
    )
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_what_is_no_port_is_refused(place: Place, port: str) -> None:
    ran = place.agentos("serve", "--port", port)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
