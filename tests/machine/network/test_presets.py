"""Policies for a purpose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentos import AgentOs, NetworkPolicy
from agentos.errors import ConfigInvalid
from agentos.machine.network import presets


def test_presets_by_name() -> None:
    assert NetworkPolicy.preset("none").allows_nothing
    assert NetworkPolicy.preset("agents").allows("api.anthropic.com", 443)
    assert not NetworkPolicy.preset("agents").allows("api.anthropic.com", 80)
    opened = NetworkPolicy.preset("open", deny=["evil.example"])
    assert opened.allows("anything.example", 12_345)
    assert not opened.allows("evil.example", 443)
    assert NetworkPolicy.preset("none", allow=["a.example"]).allows("a.example", 80)
    with pytest.raises(ConfigInvalid, match="no network preset 'everything'"):
        NetworkPolicy.preset("everything")  # type: ignore[arg-type]


async def test_a_machine_takes_a_preset_by_its_name() -> None:
    async with AgentOs(network="agents") as vm:
        assert vm.network.policy == NetworkPolicy.preset("agents")
        assert (await vm.exec("getent hosts api.anthropic.com")).exit_code == 0


def test_packages_are_where_the_hosts_own_clients_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt = tmp_path / "apt"
    (apt / "sources.list.d").mkdir(parents=True)
    (apt / "sources.list").write_text(
        "# deb http://comment.example/x stable main\n"
        "deb [arch=amd64 signed-by=/x] http://deb.example/debian stable main # http://c.example\n"
        "deb [ trusted=yes ] https://spaced.example:8443/ ./\n"
        "deb-src http://sources.example/debian stable main\n"
        "deb cdrom:[Debian]/ stable main\n"
        "deb file:/srv/mirror ./\n"
        "deb\n"
    )
    (apt / "sources.list.d" / "more.list").write_text("deb http://more.example/ ./\n")
    (apt / "sources.list.d" / "new.sources").write_text(
        "Types: deb\nURIs: https://one.example/debian\n http://two.example/debian\nSuites: x\n\n"
        "Enabled: no\nTypes: deb\nURIs: https://off.example/\n"
    )
    (apt / "sources.list.d" / "ignored.save").write_text("deb http://saved.example/ ./\n")
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    settings = {
        "registry": "https://npm.example/",
        "@team:registry": "https://team.example:4873/x",
        "init-author-url": "https://no.example",
        "https-proxy": None,
    }
    npm.write_text(f"#!/bin/sh\ncat <<'X'\n{json.dumps(settings)}\nX\n")
    npm.chmod(0o755)
    monkeypatch.setattr(presets, "_APT", apt)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@pip.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://127.0.0.1:3141/x https://extra.example/")

    policy = NetworkPolicy.preset("packages")

    assert list(policy.allow) == [
        "deb.example:80",
        "extra.example:443",
        "more.example:80",
        "npm.example:443",
        "one.example:443",
        "pip.example:443",
        "sources.example:80",
        "spaced.example:8443",
        "team.example:4873",
        "two.example:80",
    ]


def test_where_nothing_is_configured_the_clients_own_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "_APT", tmp_path)
    monkeypatch.setattr(presets, "_npm_urls", lambda: iter(()))
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    assert len(NetworkPolicy.preset("packages").allow) == 2


def test_npm_that_cannot_read_its_settings_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho broken >&2; exit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ConfigInvalid, match="npm cannot read") as caught:
        NetworkPolicy.preset("packages")
    assert caught.value.hint == "broken"
