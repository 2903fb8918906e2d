"""Try a profile: the real Codex starts with it and gets an answer."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import tomllib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentos.config import state_dir
from agentos.errors import AgentOsError, ConfigInvalid
from agentos.sync.clients.codex_profiles import profile_text
from agentos.sync.clients.keys import merged
from agentos.sync.source import BUILT_IN_PROVIDERS, Profile

_SECONDS = 120.0
_LINES = 6
_PROMPT = "Reply with the word ok, and do nothing else."


@dataclass(frozen=True)
class Trial:
    """What came of it.

    Attributes:
        profile: Which profile.
        works: Whether Codex accepted every setting and got an answer.
        answer: What the model said, or what went wrong.
        live: Whether the provider itself was asked.
    """

    profile: str
    works: bool
    answer: str
    live: bool


async def try_profile(
    profile: Profile, codex: Path, *, config: str = "", live: bool = False
) -> Trial:
    """Start Codex with a profile, in a home of its own, and ask one thing.

    Args:
        profile: The profile, as sync deploys it.
        codex: The program.
        config: The user's own `config.toml`, under which the profile has to work; its MCP servers
            are not started.
        live: Ask the provider itself, which costs some tokens; else a played model on loopback
            stands in for it.

    Raises:
        ConfigInvalid: The provider is to be asked, but its key is not there.
    """
    if live and not os.environ.get(profile.env_key):
        raise ConfigInvalid(
            f"${profile.env_key} is not set", hint=f"export {profile.env_key}=..., or leave --live"
        )
    tried = _without_servers(profile, config)
    if live:
        with _home(tried, config) as home:
            return await _ask(tried, codex, home, {}, live=True)
    async with _played(tried) as (played, env):
        with _home(played, config) as home:
            return await _ask(played, codex, home, env, live=False)


def find_codex(env: Mapping[str, str]) -> Path:
    """Return the program: that of the PATH, else the one that AgentOS installed.

    Raises:
        AgentOsError: There is neither.
    """
    found = shutil.which("codex", path=env.get("PATH"))
    if found:
        return Path(found)
    from agentos.software import CATALOG, software_dir

    ours = software_dir() / "codex" / CATALOG["codex"].version / "bin" / "codex"
    if ours.is_file():
        return ours
    raise AgentOsError(
        "Codex is not installed", code="codex_absent", hint="agentos software install codex"
    )


@contextmanager
def _home(profile: Profile, config: str) -> Iterator[Path]:
    """Make a home that is gone afterwards: Codex writes much into its own."""
    state_dir().mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="profile-", dir=state_dir()) as directory:
        home = Path(directory)
        (home / "config.toml").write_text(config)
        (home / f"{profile.name}.config.toml").write_text(profile_text(profile))
        yield home


@asynccontextmanager
async def _played(profile: Profile) -> AsyncIterator[tuple[Profile, dict[str, str]]]:
    """Play the provider, and yield the profile that leads to it, with its key."""
    from agentos.models.rehearsal import RehearsalModel, Scenario, Step

    if profile.provider in BUILT_IN_PROVIDERS:
        raise ConfigInvalid(
            f"{profile.provider} is built into Codex, so no other can stand in for it",
            hint="ask the provider itself: --live",
        )
    async with RehearsalModel(Scenario(steps=[Step(say="ok")], model=profile.model)) as model:
        yield replace(profile, base_url=model.base_url), {profile.env_key: model.api_key}


def _without_servers(profile: Profile, config: str) -> Profile:
    """Have the profile switch off the MCP servers of a configuration."""
    try:
        servers = tomllib.loads(config).get("mcp_servers", {})
    except tomllib.TOMLDecodeError:
        return profile  # Codex says what is wrong
    own: Any = profile.settings.get("mcp_servers", {})
    servers = merged(servers, own)
    off = {name: {**table, "enabled": False} for name, table in servers.items()}
    return replace(profile, settings={**profile.settings, "mcp_servers": off}) if off else profile


async def _ask(
    profile: Profile,
    codex: Path,
    home: Path,
    env: Mapping[str, str],
    *,
    live: bool,
) -> Trial:
    command = [
        *(str(codex), "exec", "--profile", profile.name, "--strict-config", "--json"),
        *("--ephemeral", "--skip-git-repo-check", "--sandbox", "read-only"),
        *("--disable", "unbounded_connection_retries"),
        _PROMPT,
    ]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=home,
        env={**os.environ, "CODEX_HOME": str(home), **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            out, err = await process.communicate()
    except TimeoutError:
        return Trial(profile.name, False, f"no answer within {_SECONDS:.0f} seconds", live)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    said = _said(out.decode(errors="replace"), "agent_message")
    if process.returncode == 0 and said:
        return Trial(profile.name, True, said[-1], live)
    return Trial(profile.name, False, _why(out, err, process.returncode), live)


def _said(out: str, kind: str) -> list[str]:
    found = []
    for line in out.splitlines():
        if not line.startswith("{"):
            continue
        event = json.loads(line)
        item = event.get("item", {})
        if event.get("type") == "item.completed" and item.get("type") == kind:
            found.append(str(item.get("text") or item.get("message") or ""))
        elif event.get("type") == kind:
            found.append(str(event.get("error", {}).get("message") or ""))
    return found


def _why(out: bytes, err: bytes, code: int | None) -> str:
    failed = _said(out.decode(errors="replace"), "turn.failed")
    lines = [line for line in err.decode(errors="replace").splitlines() if line.strip(" |^")]
    return (failed or ["\n".join(lines[-_LINES:])])[-1] or f"Codex ended with code {code}"
