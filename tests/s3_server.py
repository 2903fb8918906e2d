"""A real S3 server, started by the tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos import Mount, S3Credentials

KEYS = S3Credentials("AKIADUMMYKEYOFTESTS", "dummy-secret-of-the-tests")

#: The server takes anybody's signature, but not none.
_SIGNED = (
    "AWS4-HMAC-SHA256 Credential=tests/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
)


@dataclass(frozen=True)
class Bucket:
    """A bucket, without AgentOS's own code."""

    endpoint: str
    name: str

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    def make(self) -> None:
        asked = urllib.request.Request(f"{self.endpoint}/{self.name}", method="PUT")
        with urllib.request.urlopen(asked):
            pass

    def request(
        self, method: str, key: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        url = f"{self.endpoint}/{self.name}/{urllib.parse.quote(key)}"
        given = {"Content-Type": "text/x-test", "Authorization": _SIGNED, **headers}
        asked = urllib.request.Request(url, body, given, method=method)
        try:
            with urllib.request.urlopen(asked) as answer:
                return (
                    answer.status,
                    {name.lower(): value for name, value in answer.headers.items()},
                    answer.read(),
                )
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {}, error.read()

    def put(self, key: str, body: bytes = b"", **headers: str) -> None:
        status, _, _ = self.request("PUT", key, body, **headers)
        assert status == 200

    def get(self, key: str) -> bytes | None:
        status, _, body = self.request("GET", key)
        return body if status == 200 else None

    def headers(self, key: str) -> dict[str, str]:
        return self.request("GET", key)[1]

    def delete(self, key: str) -> None:
        self.request("DELETE", key)

    def keys(self) -> list[str]:
        with urllib.request.urlopen(f"{self.endpoint}/{self.name}?list-type=2") as answer:
            return re.findall(r"<Key>(.*?)</Key>", answer.read().decode())

    def mount(self, target: str = "/data", prefix: str = "", **settings: Any) -> Mount:
        given = {"endpoint": self.endpoint, "region": "us-east-1", "credentials": KEYS, **settings}
        return Mount.objects(f"{self.url}/{prefix}", target, **given)


def started(
    command: list[str], log: Path, **environment: str
) -> tuple[subprocess.Popen[bytes], str]:
    """Start a server that says where it listens."""
    with log.open("wb") as said:
        server = subprocess.Popen(
            command, stdout=said, stderr=said, env={**os.environ, **environment}
        )
    while not (place := re.search(r"Running on (http://127\.0\.0\.1:\d+)", log.read_text())):
        assert server.poll() is None, log.read_text()
        time.sleep(0.02)
    return server, place.group(1)


def moto(log: Path, **environment: str) -> tuple[subprocess.Popen[bytes], str]:
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    return started(command, log, **environment)


@dataclass
class Requests:
    """What the server was asked, from its log."""

    log: Path
    seen: int = 0

    def forget(self) -> None:
        self.seen = self.log.stat().st_size

    def count(self, method: str, path: str) -> int:
        return self.log.read_bytes()[self.seen :].decode().count(f"{method} {path}")
