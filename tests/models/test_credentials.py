"""Where keys come from; each source is the real one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos.errors import AuthenticationRequired
from agentos.models.credentials import CommandKey, EnvKey, GivenKey, KeyringKey, KeySource
from agentos.models.providers import Provider


async def test_a_variable_is_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    source = EnvKey("THE_KEY")
    with pytest.raises(AuthenticationRequired, match="THE_KEY"):
        await source.read()
    monkeypatch.setenv("THE_KEY", " one \n")
    assert await source.read() == "one"
    monkeypatch.setenv("THE_KEY", "two")
    assert await source.read() == "two"


async def test_a_command_is_run_once_until_its_key_is_refused(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    source = CommandKey(("sh", "-c", f"echo run >> {runs}; echo key-$(wc -l < {runs})"))
    assert [await source.read(), await source.read()] == ["key-1", "key-1"]
    source.forget()
    assert await source.read() == "key-2"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("sh", "-c", "echo locked >&2; exit 1"), "locked"),
        (("true",), "no output"),
        (("/nowhere/at/all",), "No such file"),
    ],
)
async def test_a_command_that_gives_no_key(command: tuple[str, ...], reason: str) -> None:
    with pytest.raises(AuthenticationRequired, match=reason):
        await CommandKey(command).read()


async def test_a_command_that_hangs_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("agentos.models.credentials._COMMAND_TIMEOUT", 0.1)
    with pytest.raises(AuthenticationRequired, match="took longer"):
        await CommandKey(("sleep", "98765")).read()


@pytest.fixture
def keyring_of_the_test() -> Iterator[dict[tuple[str, str], str]]:
    import keyring
    from keyring.backend import KeyringBackend

    entries: dict[tuple[str, str], str] = {}

    class InMemory(KeyringBackend):
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return entries.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            entries[service, username] = password

    before = keyring.get_keyring()
    keyring.set_keyring(InMemory())  # type: ignore[no-untyped-call]
    yield entries
    keyring.set_keyring(before)


async def test_the_keyring(keyring_of_the_test: dict[tuple[str, str], str]) -> None:
    with pytest.raises(AuthenticationRequired, match="no entry llm/me") as caught:
        await KeyringKey("llm", "me").read()
    assert caught.value.hint == "keyring set llm me"
    keyring_of_the_test["llm", "me"] = "from-the-keyring"
    assert await KeyringKey("llm", "me").read() == "from-the-keyring"


async def test_a_keyring_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(AuthenticationRequired, match="needs a package"):
        await KeyringKey("llm", "me").read()


def test_no_source_shows_its_key() -> None:
    sources: list[KeySource] = [GivenKey("secret"), CommandKey(("c",), _found="secret")]
    sources.append(KeyringKey("s", "u", _found="secret"))
    shown = repr([*sources, Provider("p", "https://x", "secret", headers={"a": "secret"})])
    assert "secret" not in shown
