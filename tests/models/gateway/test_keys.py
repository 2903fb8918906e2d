"""Session keys: good for one machine, until the session ends."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import pytest

from agentos.models.budgets import Budget
from agentos.models.gateway.keys import LIFETIME, Binding, KeyRefused, SessionKeys, key_id

from .conftest import REAL_KEY, StageMaker, session_client


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_nobody_gets_in_without_a_key(stage: StageMaker) -> None:
    async with stage() as s:
        for shown in ("", "Bearer", "Bearer wrong", f"Bearer {REAL_KEY}", f"Bearer {s.key}x"):
            headers = {"authorization": shown}
            answer = await s.client.post("responses", json={"model": "m"}, headers=headers)
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "invalid_session_key"
        listed = await s.client.get("models", headers={"authorization": ""})
        assert listed.status_code == 401
    assert s.provider.asked == []
    # The books have what was tried with a key that there is, and nothing of nobody's.
    assert {call.key_id for call in s.gateway.calls} <= {key_id(s.key)}


async def test_a_key_of_another_machine_is_refused_and_logged(
    stage: StageMaker, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage() as s, session_client(s.gateway, "machine-two") as (other, _):
        stolen = {"authorization": f"Bearer {s.key}"}
        with caplog.at_level(logging.WARNING, "agentos.models.gateway"):
            answer = await other.post("responses", json={"model": "m"}, headers=stolen)
    assert answer.status_code == 401
    assert s.provider.asked == []
    assert "machine-two" in caplog.text
    assert key_id(s.key) in caplog.text
    assert s.key not in caplog.text
    call = s.gateway.calls[-1]
    assert (call.machine, call.key_id, call.status) == ("machine-two", key_id(s.key), 401)


async def test_a_key_ends_with_its_session(stage: StageMaker) -> None:
    async with stage() as s:
        assert (await s.post()).status_code == 200
        s.gateway.keys.revoke(s.key)
        s.gateway.keys.revoke(s.key)
        assert (await s.post()).status_code == 401


async def test_a_key_waits_for_its_session(stage: StageMaker) -> None:
    async with stage() as s:
        early = s.gateway.keys.mint("machine-one")
        headers = {"authorization": f"Bearer {early}"}
        answer = await s.client.post("responses", json={"model": "m"}, headers=headers)
        assert answer.json()["error"]["code"] == "session_not_ready"
        s.gateway.keys.bind(early, Binding("played/later", session="s-1"))
        answer = await s.client.post("responses", json={"model": "later"}, headers=headers)
        assert answer.status_code == 200
    assert s.gateway.calls[-1].session == "s-1"


def test_a_key_expires_by_a_clock_that_does_not_jump() -> None:
    wall, uptime = Clock(), Clock()
    keys = SessionKeys(clock=wall, uptime=uptime)
    key = keys.mint("m")
    wall.now += 10 * LIFETIME
    keys.check(key, "m")
    uptime.now += LIFETIME
    with pytest.raises(KeyRefused, match="expired"):
        keys.check(key, "m")
    assert list(keys) == []


def test_on_disk_there_are_hashes_for_the_owner_alone(tmp_path: Path) -> None:
    state = tmp_path / "keys"
    key = SessionKeys(state).mint("m")
    (file,) = state.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert key.split("-", 2)[2] not in file.read_text()


def test_the_next_gateway_knows_keys_again(tmp_path: Path) -> None:
    wall = Clock()
    first = SessionKeys(tmp_path, clock=wall)
    key, old = first.mint("m"), first.mint("m")
    binding = Binding("openai/gpt", "s", "cheap", Budget(money=1.5))
    first.bind(key, binding)
    (tmp_path / "torn.json").write_text(json.dumps({"id": "torn"})[:-3])
    wall.now += LIFETIME - 1
    first.revoke(old)
    assert SessionKeys(tmp_path, clock=wall).check(key, "m").binding == binding
    with pytest.raises(KeyRefused):
        SessionKeys(tmp_path, clock=wall).check(old, "m")
    wall.now += 1
    with pytest.raises(KeyRefused):
        SessionKeys(tmp_path, clock=wall).check(key, "m")
    assert list(tmp_path.iterdir()) == []


def test_a_revoked_key_cannot_be_bound() -> None:
    keys = SessionKeys()
    key = keys.mint("m")
    keys.revoke(key)
    with pytest.raises(KeyError):
        keys.bind(key, Binding("openai"))
