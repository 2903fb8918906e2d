"""What goes wrong with an object store, and what must not get into the machine."""

from __future__ import annotations

import asyncio
import builtins
import http.server
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.machine.mounts.test_objects import tree_of
from tests.s3_server import KEYS, Bucket, moto

from agentos import AgentOs, Mount, ObjectStoreError, S3Credentials
from agentos.errors import MachineError

_VARIABLES = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "REGION")


@pytest.fixture(autouse=True)
def _bare_host(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials in the environment or in a profile."""
    for variable in _VARIABLES:
        monkeypatch.delenv(f"AWS_{variable}", raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


async def failure(mount: Mount) -> ObjectStoreError:
    with pytest.raises(ObjectStoreError) as failed:
        await tree_of(mount)
    return failed.value


# ---- servers ----


def nobody() -> str:
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


async def test_a_server_that_is_not_there() -> None:
    endpoint = nobody()
    error = await failure(Bucket(endpoint, "bucket").mount())
    assert (error.code, error.retryable) == ("object_store_unreachable", True)
    assert endpoint in str(error)


async def test_a_server_that_does_not_answer() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        bucket = Bucket(f"http://127.0.0.1:{silent.getsockname()[1]}", "bucket")
        error = await failure(bucket.mount(timeout=0.2))
    assert (error.code, error.retryable) == ("object_store_timeout", True)
    assert "timeout=" in str(error)


async def test_a_bucket_that_is_not_there(s3: str) -> None:
    error = await failure(Bucket(s3, "missing").mount())
    assert error.code == "bucket_unknown"
    assert "'missing'" in str(error)


async def test_credentials_that_the_server_does_not_know(tmp_path: Path) -> None:
    server, endpoint = moto(tmp_path / "log", INITIAL_NO_AUTH_ACTION_COUNT="1")
    try:
        bucket = Bucket(endpoint, "guarded")
        bucket.make()
        error = await failure(bucket.mount())
        assert error.code == "object_store_credentials"
        assert "InvalidAccessKeyId" in str(error)
        assert "credentials=" in str(error)
        assert KEYS.secret_access_key not in str(error)
    finally:
        server.kill()
        server.wait()


@dataclass
class Answer:
    """What a server answers, and how many bytes it promises."""

    status: int
    body: str
    promised: int | None = None


@pytest.fixture
def answers() -> Iterator[tuple[Bucket, list[Answer]]]:
    """A server that gives these answers, the last of them again and again."""
    given: list[Answer] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = given.pop(0) if len(given) > 1 else given[0]
            self.send_response(answer.status)
            self.send_header("ETag", '"x"')
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            self.send_header("Content-Length", str(answer.promised or len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body.encode())

        def log_message(self, *words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Bucket(f"http://127.0.0.1:{server.server_address[1]}", "bucket"), given
        server.shutdown()
        thread.join()


def said(code: str, more: str = "") -> str:
    return f"<Error><Code>{code}</Code><Message>why</Message>{more}</Error>"


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (403, said("AccessDenied"), "object_store_denied", "s3:ListBucket"),
        (403, said("SignatureDoesNotMatch"), "object_store_credentials", "AWS_SECRET_ACCESS_KEY"),
        (400, said("ExpiredToken"), "object_store_credentials", "AWS_SESSION_TOKEN"),
        (301, said("PermanentRedirect"), "bucket_region", "region="),
        (
            400,
            said("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"),
            "bucket_region",
            "region='eu-west-1'",
        ),
        (503, said("SlowDown"), "object_store_unreachable", "SlowDown"),
        (500, said("InternalError"), "object_store_unreachable", "InternalError"),
        (200, "no XML", "object_store_failed", "list"),
    ],
)
async def test_what_a_server_answers(
    answers: tuple[Bucket, list[Answer]], status: int, body: str, code: str, words: str
) -> None:
    bucket, given = answers
    given.append(Answer(status, body))
    error = await failure(bucket.mount())
    assert error.code == code
    assert words in str(error)
    assert bucket.url in str(error)


async def test_a_server_in_trouble_is_asked_again(answers: tuple[Bucket, list[Answer]]) -> None:
    bucket, given = answers
    listing = "<ListBucketResult></ListBucketResult>"
    given += [Answer(503, said("SlowDown")), Answer(500, ""), Answer(200, listing)]
    (await tree_of(bucket.mount())).remove()


async def test_a_server_that_sends_half_an_object(
    answers: tuple[Bucket, list[Answer]], data: Path
) -> None:
    bucket, given = answers
    listing = (
        "<ListBucketResult><Contents><Key>a</Key><Size>100</Size><ETag>&quot;x&quot;</ETag>"
        "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>"
    )
    given += [Answer(200, listing), Answer(200, "0123456789", promised=100)]
    error = await failure(bucket.mount())
    assert error.code == "object_store_failed"
    assert list(data.glob("objects/*/contents/*")) == []
    assert list(data.glob("objects/*/trees/*")) == []


# ---- credentials ----


@pytest.mark.parametrize("source", ["argument", "environment", "profile"])
async def test_credentials_never_enter_the_machine(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    bucket.put("f", b"object")
    given: S3Credentials | None = None
    if source == "argument":
        given = S3Credentials(KEYS.access_key_id, KEYS.secret_access_key, "dummy-session-token")
    elif source == "environment":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS.secret_access_key)
    else:
        monkeypatch.setenv("AWS_PROFILE", "work")
        (tmp_path / "credentials").write_text(
            f"[default]\nregion = x\n[work]\naws_access_key_id = {KEYS.access_key_id}\n"
            f"aws_secret_access_key = {KEYS.secret_access_key}\n"
        )
    mount = bucket.mount(read_only=False, credentials=given)
    assert KEYS.secret_access_key not in repr(mount)
    async with AgentOs(mounts=[mount]) as vm:
        await vm.exec("echo x > /data/new", check=True)
        await vm.sync_mount("/data")
        assert bucket.get("new") == b"x\n"
        leaks = [KEYS.access_key_id, KEYS.secret_access_key, "dummy-session-token"]
        patterns = " ".join(f"-e [{word[0]}]{word[1:]}" for word in leaks)
        found = await vm.exec(
            f"env | grep {patterns}; cat /proc/*/environ /proc/*/cmdline | grep -a {patterns}; "
            f"cat /proc/self/mountinfo | grep {patterns}; "
            f"find / -xdev -path /usr -prune -o -type f -size -1000k -print0 2>/dev/null | "
            f"xargs -0 grep -a -l {patterns} 2>/dev/null; grep -r -a -l {patterns} /data; true"
        )
        assert found.stdout == ""


async def test_given_credentials_are_not_mixed_with_the_environment(
    answers: tuple[Bucket, list[Answer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session token belongs to its key alone."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of another key")
    seen: list[Mapping[str, str]] = []
    bucket, given = answers
    given.append(Answer(403, said("AccessDenied")))
    request = http.server.BaseHTTPRequestHandler.send_response

    def noted(handler: http.server.BaseHTTPRequestHandler, *words: Any) -> None:
        seen.append(dict(handler.headers))
        request(handler, *words)

    monkeypatch.setattr(http.server.BaseHTTPRequestHandler, "send_response", noted)
    for credentials in (KEYS, "anonymous"):
        await failure(bucket.mount(credentials=credentials))
    signed, unsigned = seen
    assert KEYS.access_key_id in signed["authorization"]
    assert "x-amz-security-token" not in signed
    assert "authorization" not in unsigned


async def test_a_host_without_credentials(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", nobody())
    error = await failure(bucket.mount(credentials=None, timeout=5))
    assert error.code == "object_store_credentials"
    assert "AWS_ACCESS_KEY_ID" in str(error)


async def test_a_profile_without_a_key(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for another one, whatever the environment has."""
    monkeypatch.setenv("AWS_PROFILE", "single-sign-on")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of another account")
    error = await failure(bucket.mount(credentials=None))
    assert error.code == "object_store_credentials"
    assert "'single-sign-on'" in str(error)


# ---- the package ----


async def test_without_obstore(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    there = builtins.__import__

    def missing(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if name.startswith("obstore"):
            raise ImportError(name)
        return there(name, globals, locals, fromlist or (), level)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MachineError) as refused:
        await tree_of(bucket.mount())
    assert refused.value.code == "obstore_missing"
    assert "pip install 'agentos-vm[s3]'" in str(refused.value)


async def test_a_machine_is_not_made_when_its_store_is_gone(data: Path) -> None:
    with pytest.raises(ObjectStoreError):
        await AgentOs.create(mounts=[Bucket(nobody(), "bucket").mount()])
    assert list(data.glob("objects/*/trees/*")) == []


async def test_a_cancelled_mount_is_not_there(vm: AgentOs, data: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        bucket = Bucket(f"http://127.0.0.1:{silent.getsockname()[1]}", "bucket")
        mounting = asyncio.ensure_future(vm.mount(bucket.mount()))
        await asyncio.get_running_loop().run_in_executor(None, lambda: silent.accept()[0].close())
        mounting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await mounting
    assert vm.mounts == ()
    assert list(data.glob("objects/*/trees/*")) == []
