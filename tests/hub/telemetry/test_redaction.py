"""Nothing secret and nothing long is kept of a call's arguments."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from agentos.hub.telemetry.redaction import MOST_KEPT, redacted

SECRET_NAMES = (
    *("password", "PASSWORD", "db_passwd", "passphrase", "credentials", "private_key", "key"),
    *("token", "accessToken", "tokens", "api_key", "apiKey", "API-KEY", "client_secret"),
    *("Authorization", "cookie", "auth"),
)


def kept(arguments: object) -> Any:
    return json.loads(redacted(arguments))


@pytest.mark.parametrize("name", SECRET_NAMES)
@pytest.mark.parametrize("value", ["hunter2", ["hunter2"], {"is": "hunter2"}])
def test_what_is_named_a_secret_is_taken_out(name: str, value: object) -> None:
    assert kept({"settings": [{name: value}]}) == {"settings": [{name: "<secret>"}]}


@pytest.mark.parametrize(
    "text",
    [
        "sk-abcdefghijklmnopqrstuvwx",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "AKIAABCDEFGHIJKLMNOP",
        "ASIAABCDEFGHIJKLMNOP",
        "AIza-abcdef-abcdef-abcdef-abcdef-abcdef",
        "gho_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_abcdefghijklmnopqrstuvwxyz",
        "glpat-abcdefghijklmnopqrst",
        "xoxb-abcdef-abcdef",
        "agentos-0123456789abcdef-abcdefghijklmnopqrstuvwx",
        "eyJabcdefghi.eyJabcdefghi.abcdefghijkl",
        "x-api-key: abcdef",
        "Cookie: abcdef",
        "basic abcdef0123456789",
        'the file has {"client_secret": "abcdef"}',
        "export GH_TOKEN='abcdef1'",
        "PASSWORD=abcdef1",
        "APP_SECRET=abcdef1",
        "mysql --password=abcdef -u me",
        "mytool --token abcdef",
        "git clone https://me:abcdef@git.example/repo",
        "https://api.example/?page=1&access_token=abcdef&x=1",
        "the password: abcdef",
        "curl -H 'Authorization: Bearer abcdef0123456789' https://a.example",
        "STRIPE_KEY=abcdef0123456789 ./run",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str) -> None:
    found = kept({"message": text, text: 1})
    assert "<secret>" in found["message"]
    for secret in ("abcdef", "AKIA", "ASIA", "MIIE"):
        assert secret not in json.dumps(found)


@pytest.mark.parametrize(
    "text",
    [
        "Count tokens: of each model",
        "look up the key in the table, and --token-limit",
        "me@host.example:22 and https://host.example:8080/a@b",
        "a token of thanks for the secretary",
    ],
)
def test_an_innocent_text_stays(text: str) -> None:
    assert kept({"message": text}) == {"message": text}


def test_a_secret_may_be_a_number() -> None:
    assert kept({"pin": 4711, "password": 4711}) == {"pin": "<secret>", "password": "<secret>"}


def test_what_only_sounds_like_a_secret_stays() -> None:
    innocent = {"max_tokens": 100, "keyboard": "qwerty", "author": "me", "monkey": "ape", "key": ""}
    assert kept(innocent) == innocent


@pytest.mark.parametrize("name", ["content", "new", "old_string", "snippet", "Text"])
def test_what_was_written_is_kept_as_size_and_hash(name: str) -> None:
    digest = hashlib.sha256("grüße".encode()).hexdigest()[:16]
    assert kept({"path": "a", name: "grüße"}) == {
        "path": "a",
        name: {"bytes": 7, "sha256": digest},
    }


def test_a_long_text_is_kept_as_size_and_hash() -> None:
    found = kept({"query": "x" * 1_000_000})["query"]
    assert found == {"bytes": 1_000_000, "sha256": hashlib.sha256(b"x" * 10**6).hexdigest()[:16]}


@pytest.mark.parametrize(
    "arguments",
    [
        {f"name-{number}": "x" * 250 for number in range(1000)},
        {"x" * 100_000: 1},
        {"list": list(range(100_000))},
        {"lists": [[[[[[[[[[1] * 100] * 100]]]]]]]]},
        ["x" * 299] * 1000,
    ],
)
def test_never_much_is_kept(arguments: object) -> None:
    assert len(redacted(arguments)) <= MOST_KEPT


def test_half_a_secret_at_a_cut_is_not_kept() -> None:
    assert "sk-abc" not in redacted({"a" * 90 + " sk-abcdefghijklmnopqrstuvwx": 1})
