"""Secrets that only the name before them gives away: settings, `.env` files, URLs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from agentos.secret_scan.finding import Match
from agentos.secret_scan.placeholders import is_made_up, is_placeholder, is_strong

_WORD = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|api[-_]?key|apikey|"
    r"access[-_]?key|private[-_]?key|secret[-_]?key|client[-_]?secret|auth[-_]?key|"
    r"encryption[-_]?key|signing[-_]?key|account[-_]?key|connection[-_]?string|dsn)"
)
_NAME = rf"(?<![A-Za-z])(?:[A-Za-z0-9]{{1,40}}[-_.]){{0,6}}[A-Za-z0-9]{{0,40}}?{_WORD}(?:[-_]?\d)?"
_QUOTED = re.compile(
    rf"(?i:{_NAME})[\"']?\]?\s{{0,8}}(?::\s{{0,4}}[A-Za-z_.]{{1,24}}\s{{0,4}}=|:=|=>|={{1,3}}|:)"
    r"\s{0,8}[rbfu@]{0,2}([\"'`])(?P<value>[^\"'`\s]{8,400})\1"
)
_BARE = re.compile(
    rf"(?i:^[ \t\-]{{0,40}}(?:export[ \t]+|set[ \t]+)?[\"']?{_NAME})[\"']?\s{{0,8}}[=:]\s{{0,8}}"
    r"(?P<value>[^\s\"'`,;#]{8,400})\s{0,8}(?:[#;].*)?$",
    re.MULTILINE,
)
_ENVIRONMENT = re.compile(
    r"^\s{0,8}(?:export\s+)?"
    r"[A-Za-z0-9_]{0,60}(?i:key|token|secret|pass|pwd|password|auth|credential|dsn|salt|pat)"
    r"[A-Za-z0-9_]{0,20}\s{0,4}=\s{0,4}[\"']?(?P<value>[^\s\"'#]{8,2000})",
    re.MULTILINE,
)
_NETRC = re.compile(r"\bpassword\s{1,8}(?P<value>\S{4,400})")
_URL = re.compile(
    r"\b(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]{1,24})://(?P<user>[^\s:/@\"'`<>]{0,80}):"
    r"(?P<value>[^\s/@\"'`<>]{3,200})@(?P<host>[^\s/\"'`<>@]{1,200})"
)
_CONVENTIONAL = frozenset(
    [
        "password",
        "passwd",
        "pass",
        "passw0rd",
        "pwd",
        "secret",
        "user",
        "username",
        "root",
        "admin",
        "postgres",
        "mysql",
        "guest",
        "test",
        "testing",
        "token",
        "key",
        "mypassword",
        "mysecretpassword",
        "rootpassword",
        "hunter2",
        "foo",
        "bar",
        "baz",
        "pw",
    ]
)
_SETTINGS = frozenset(
    [
        ".cfg",
        ".conf",
        ".config",
        ".ini",
        ".properties",
        ".toml",
        ".yaml",
        ".yml",
        ".tfvars",
        ".env",
        ".sh",
        ".npmrc",
        ".pypirc",
        ".txt",
        ".md",
        ".dockerfile",
    ]
)
_SETTINGS_NAMES = frozenset({".npmrc", ".pypirc", "credentials", "config", "dockerfile"})
_NOT_REAL = re.compile(r"(?i)(?:example|sample|template|dist|defaults?|schema)")


def assignment_matches(text: str, path: str) -> Iterator[Match]:
    """Yield values that their name, or their place in a URL, makes a secret."""
    file = PurePosixPath(path)
    yield from _values("secret-assignment", _QUOTED, text)
    if file.suffix.lower() in _SETTINGS or file.name.lower() in _SETTINGS_NAMES:
        yield from _values("secret-assignment", _BARE, text)
    if is_environment_file(file):
        yield from _values("env-file", _ENVIRONMENT, text)
    if file.name in (".netrc", "_netrc"):
        yield from _values("netrc-password", _NETRC, text)


def url_matches(text: str) -> Iterator[Match]:
    """Yield the passwords of URLs such as `postgres://user:password@host`."""
    if "://" not in text:
        return
    for found in _URL.finditer(text):
        if not _is_conventional(found["user"], found["value"]):
            yield Match("url-password", found.start("value"), found.end("value"))


def is_environment_file(file: PurePosixPath) -> bool:
    """Whether a file is `.env`, `.env.local`, `production.env`; not if it is an example."""
    name = file.name.lower()
    named = name in (".env", ".envrc") or name.startswith(".env.") or name.endswith(".env")
    return named and not _NOT_REAL.search(name)


def _values(rule: str, pattern: re.Pattern[str], text: str) -> Iterator[Match]:
    for found in pattern.finditer(text):
        value = found["value"]
        if is_strong(value) and not is_placeholder(value):
            yield Match(rule, found.start("value"), found.end("value"))


def _is_conventional(user: str, password: str) -> bool:
    lowered = password.lower()
    return (
        lowered in _CONVENTIONAL
        or lowered == user.lower()
        or is_made_up(password)
        or password[0] in "$%{[(*"
        or "{" in password
        or "$" in user + password
        or (len(password) <= 5 and password.isdigit())  # a port, as in proxy lists
    )
