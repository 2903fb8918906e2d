"""Find what is wrong with skills before a client gets them."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agentos.errors import ConfigInvalid
from agentos.home.allowed_secrets import allowed_secrets
from agentos.home.front_matter import key_lines, split_head
from agentos.home.reading import read_bytes
from agentos.secret_scan import AllowList, scan_bytes
from agentos.settings.file import FILE as SETTINGS
from agentos.skills.links import dead_links
from agentos.skills.reading import (
    FILE,
    read_skill,
    same_but_for_case,
    skill_directories,
)
from agentos.skills.rendering import MARKDOWN, MOST_BYTES, is_text
from agentos.skills.settings import BUILT_IN, GROUP, SkillSettings
from agentos.skills.skill import Skill
from agentos.skills.support import KEYS, OWN_KEYS
from agentos.skills.switches import is_enabled
from agentos.skills.tokens import Unknown, client_tokens, spaced_tokens, unknown_tokens

#: A model reads all of a SKILL.md once it uses the skill: beyond this, further files are better.
LONG_LINES = 500
LARGE_BYTES = 1_000_000  # of a further file
_SHORT_DESCRIPTION = 20


@dataclass(frozen=True)
class Finding:
    """Something about a skill that its owner should know.

    Attributes:
        path: The file.
        line: Where, counted from 1; 0 if the whole is meant.
        level: `error` if it is wrong, `warning` if it may be.
        message: What it is, and what to do.
    """

    path: Path
    line: int
    level: Literal["error", "warning"]
    message: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{where}: {self.level}: {self.message}"


def lint_skills(
    home: Path, settings: SkillSettings, names: Iterable[str] | None = None
) -> list[Finding]:
    """Return what is wrong with skills, by file and line.

    Args:
        home: The AgentOS home.
        settings: What `agentos.toml` says of skills.
        names: The skills; all of them by default.
    """
    places = skill_directories(home)
    wanted = None if names is None else set(names)
    found = [
        Finding(second, 0, "error", f"it differs from {first.name} in case alone: rename one")
        for first, second in same_but_for_case(places)
    ]
    skills = []
    for place in places:
        try:
            skills.append(read_skill(place))
        except ConfigInvalid as error:
            found.append(_unreadable(place, error))
    for skill in skills:
        found += _skill(skill, home, settings)
    if wanted is None:
        found += _switches(skills, settings, home)
    else:
        chosen = [place for place in places if place.name in wanted]
        found = [each for each in found if any(map(each.path.is_relative_to, chosen))]
    return sorted(found, key=lambda each: (each.path, each.line, each.message))


def _unreadable(place: Path, error: ConfigInvalid) -> Finding:
    """Take an error apart that begins with its place."""
    hint = f"; {error.hint}" if error.hint else ""
    where, _, message = error.message.partition(": ")
    path, _, line = where.rpartition(":")
    if line.isdigit() and Path(path).is_relative_to(place):
        return Finding(Path(path), int(line), "error", message + hint)
    return Finding(place, 0, "error", error.message + hint)


def _skill(skill: Skill, home: Path, settings: SkillSettings) -> Iterator[Finding]:
    tokens = _common_tokens(skill, settings)
    allow = allowed_secrets(home)
    yield from _head(skill)
    for name in (FILE, *skill.files):
        path = skill.path / name
        try:
            content, status = read_bytes(path, MOST_BYTES)
        except ConfigInvalid as error:
            yield _unreadable(skill.path, error)
            continue
        yield from _file(path, content, status.st_mode)
        yield from _secrets(path, content, home, allow)
        if is_text(content):
            yield from _text(path, content.decode(), tokens, skill)


def _common_tokens(skill: Skill, settings: SkillSettings) -> Mapping[str, str]:
    """Return the tokens that stand for something in every client that gets a skill."""
    clients = [client for client in KEYS if is_enabled(skill, client, settings)]
    found = [client_tokens(settings, each, skills_dir="", hub_url="") for each in clients]
    common = set(BUILT_IN).union(settings.tokens).intersection(*found)
    return dict.fromkeys(common, "")


def _head(skill: Skill) -> Iterator[Finding]:
    path = skill.path / FILE
    known = OWN_KEYS.union(*KEYS.values())
    block, body = split_head(str(path), skill.text)
    lines = {key: number + 1 for number, key in key_lines(block)}
    for key, line in lines.items():
        if key not in known:
            yield Finding(path, line, "warning", f"no client knows {key}: {_nearest(key, known)}")
    for client in sorted((skill.clients or set()) - KEYS.keys()):
        message = f"there is no client {client}: {_nearest(client, KEYS)}"
        yield Finding(path, lines.get("clients", 1), "warning", message)
    if len(skill.description) < _SHORT_DESCRIPTION:
        message = "by so short a description no agent knows when to use the skill"
        yield Finding(path, lines.get("description", 1), "warning", message)
    if not body.strip():
        yield Finding(path, 0, "error", "there is nothing below the front matter")
    if (count := skill.text.count("\n")) > LONG_LINES:
        message = f"{count} lines are long, and agents read all: put details in further files"
        yield Finding(path, 0, "warning", message)


def _file(path: Path, content: bytes, mode: int) -> Iterator[Finding]:
    if len(content) > LARGE_BYTES:
        message = f"{len(content):,} bytes are large: every client gets a copy"
        yield Finding(path, 0, "warning", message)
    if content.startswith(b"#!") and not mode & stat.S_IXUSR:
        message = f"it begins as a program, and cannot be run: chmod +x {path}"
        yield Finding(path, 1, "warning", message)


def _text(path: Path, text: str, tokens: Mapping[str, str], skill: Skill) -> Iterator[Finding]:
    markdown = path.suffix.lower() in MARKDOWN
    yield from _tokens(path, text, tokens, markdown)
    if markdown:
        for line, message in dead_links(text, path, skill.path):
            yield Finding(path, line, "error", message)


def _tokens(path: Path, text: str, tokens: Mapping[str, str], markdown: bool) -> Iterator[Finding]:
    if "{{" not in text:
        return
    for unknown in unknown_tokens(text, tokens):
        if markdown:
            message = f"there is no token {_braces(unknown)}: {_nearest(unknown.name, tokens)}"
            yield Finding(path, unknown.line, "error", message + r"; \{{ stands for {{ itself")
        else:
            message = f"{_braces(unknown)} is no token, and stays as it is"
            yield Finding(path, unknown.line, "warning", message)
    for spaced in spaced_tokens(text, tokens):
        message = f"with spaces in it this is no token: write {_braces(spaced)}"
        yield Finding(path, spaced.line, "warning", message)


def _secrets(path: Path, content: bytes, home: Path, allow: AllowList) -> Iterator[Finding]:
    name = path.relative_to(home).as_posix()
    for secret in scan_bytes(content, name, allow=allow).findings:
        message = f"this looks like a secret ({secret.rule}): {secret.excerpt}"
        yield Finding(path, secret.line, "error", message)


def _switches(skills: Iterable[Skill], settings: SkillSettings, home: Path) -> Iterator[Finding]:
    """Find switches of what there is not: a name that is misspelt switches nothing off."""
    known = {skill.name for skill in skills}
    known |= {GROUP + group for skill in skills for group in skill.groups}
    said = set(settings.enabled).union(*settings.clients.values())
    for name in sorted(said - known):
        message = f"[skills] switches {name}, which is not there: {_nearest(name, known)}"
        yield Finding(home / SETTINGS, 0, "warning", message)


def _braces(token: Unknown) -> str:
    return f"{{{{{token.name}}}}}"


def _nearest(name: str, known: Iterable[str]) -> str:
    from agentos.settings.mistakes import nearest

    return nearest(name, known)
