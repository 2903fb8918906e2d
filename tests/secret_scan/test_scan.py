"""Bounds, what is allowed, and personal data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentos.secret_scan import AllowList, Kind, scan_bytes, scan_files, scan_text
from agentos.secret_scan.scan import MAX_BYTES, MAX_FINDINGS

TOKEN = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nv2Bx9Cd4Fg6Hj0SaTePu"


@pytest.mark.parametrize(
    "line", [f"{TOKEN}  # agentos: allow-secret", f"{TOKEN} // agentos:allow-secret, made up"]
)
def test_the_pragma_allows_its_line(line: str) -> None:
    assert scan_text(line, "x") == []
    assert [each.line for each in scan_text(f"{line}\n{TOKEN}", "x")] == [2]


def test_what_is_allowed_is_told() -> None:
    scan = scan_bytes(f"{TOKEN} # agentos: allow-secret".encode(), "x")
    assert scan.findings == ()
    assert scan.allowed[0].rule == "github-token"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("tests/keys/a.pem", True),
        ("tests/keys/deep/a.pem", True),
        ("src/a.pem", False),
        ("docs/tokens.md", True),
        ("docs/other.md", False),
    ],
)
def test_the_allow_list(path: str, allowed: bool) -> None:
    allow = AllowList.parse(
        "# ours\n\ntests/keys/* github-token\ndocs/tokens.md\n*.pem private-key"
    )
    assert (scan_text(TOKEN, path, allow=allow) == []) is allowed


def test_findings_are_bounded() -> None:
    assert len(scan_text(f"{TOKEN}\n" * 5000, "x")) == MAX_FINDINGS


def test_beyond_the_bound_is_told() -> None:
    scan = scan_bytes(b"x" * MAX_BYTES + TOKEN.encode(), "x")
    assert scan.findings == ()
    assert not scan.whole


@pytest.mark.parametrize(
    "text",
    [
        "a" * 2_000_000,
        "password=" * 200_000,
        "password" + " " * 500_000 + "=",
        "a-" * 500_000,
        "://a:" * 300_000,
        "a@" * 500_000,
        "eyJ" * 500_000,
        "eyJa." * 300_000,
        "-----BEGIN PRIVATE KEY-----" * 50_000,
        "-----BEGIN PRIVATE KEY-----" + "A: b\n" * 200_000,
        "Authorization: Bearer" * 50_000,
        "+1 2" * 300_000,
        "1 " * 500_000,
        "DE12 " * 300_000,
        "cloudant http://" + "a" * 300_000,
        "ibm" + "_" * 300_000,
        "glpat-" * 200_000,
        "\n" * 2_000_000,
        "sk-" + "-" * 500_000,
        "sk-aB3" * 200_000,
    ],
    ids=range(20),
)
@pytest.mark.timeout(60)
def test_no_text_takes_long(text: str) -> None:
    """A pattern that backtracks without bound would take hours."""
    began = os.times()
    scan_text(text, ".env", personal=True)
    spent = os.times()
    assert spent.user - began.user < 30


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(TOKEN)
    (tmp_path / "b").write_text("nothing")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    found = scan_files(sorted(tmp_path.iterdir()), root=tmp_path)
    assert [str(each) for each in found] == ["a:1: github-token: ***"]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("email", "write to ada.lovelace@analytical.engine.org please"),
        ("phone-number", "call +44 20 7946 0958"),
        ("phone-number", "call +1 (415) 555-2671."),
        ("iban", "DE89 3704 0044 0532 0130 00"),
        ("iban", "GB29NWBK60161331926819"),
        ("card-number", "paid with 5555-5555-5555-4444"),
        ("card-number", "378282246310005"),
    ],
)
def test_personal_data(rule: str, text: str) -> None:
    assert scan_text(text, "x") == []
    found = scan_text(text, "x", personal=True)
    assert [(each.rule, each.kind) for each in found] == [(rule, Kind.PERSONAL)]


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.com",
        "git@github.com:x/y",
        "1@users.noreply.github.com",
        "version 1.2.3+45678",
        "DE89 3704 0044 0532 0130 01",
        "4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "1700000000000000",
        "import x from 'y@1.2.3'",
        "2026-11-21T14:00:00+01:00",
    ],
)
def test_not_about_anyone(text: str) -> None:
    assert scan_text(text, "x", personal=True) == []


def test_a_digest_tells_equal_secrets_and_is_not_shown() -> None:
    one, two = scan_text(f"{TOKEN}\nx {TOKEN}", "x")
    assert one.digest == two.digest
    assert one.digest not in repr(one)
