"""A skill as one client gets it: tokens expanded, with the block that reports its use."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentos.home.front_matter import split_head, without_keys
from agentos.home.reading import read_bytes
from agentos.skills.command_log import command_log, without_command_log
from agentos.skills.reading import FILE
from agentos.skills.skill import Skill
from agentos.skills.tokens import expand, unknown_token, unknown_tokens

MOST_BYTES = 20_000_000  # of one further file
MARKDOWN = (".md", ".mdc", ".markdown")
#: What only AgentOS reads; clients may refuse what they do not know.
_OURS = ("groups", "clients")


@dataclass(frozen=True)
class RenderedFile:
    """A file of a skill.

    Attributes:
        content: All of it.
        mode: Its permission bits; a script stays one that can be run.
    """

    content: bytes
    mode: int = 0o644


def render(
    skill: Skill, client: str, tokens: Mapping[str, str], *, report: bool = True
) -> dict[str, RenderedFile]:
    r"""Return the files of a skill for a client.

    Tokens are expanded in all text files. In Markdown one that stands for nothing is an error; in
    others it stays, since `{{x}}` means something in many languages of templates. Binary files are
    left as they are.

    Args:
        skill: The skill.
        client: The client, such as `codex`.
        tokens: What each token stands for, as `client_tokens` tells.
        report: Whether the agent is asked to report that it uses the skill.

    Returns:
        The files, by their path in the skill's directory.

    Raises:
        ConfigInvalid: There is no token of a name, or a file cannot be read; names file and line.
    """
    files = {FILE: RenderedFile(_main(skill, client, tokens, report).encode())}
    return files | {name: _further(skill, name, tokens) for name in skill.files}


def is_text(content: bytes) -> bool:
    """Whether a file's content is text, which is UTF-8 here."""
    if b"\0" in content:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _main(skill: Skill, client: str, tokens: Mapping[str, str], report: bool) -> str:
    path = skill.path / FILE
    text = without_command_log(_expanded(str(path), skill.text, tokens))
    block, body = split_head(str(path), text)
    newline = "\r\n" if "\r\n" in text else "\n"
    if report:
        note = command_log(skill.name, client).replace("\n", newline)
        body = newline + note + body.lstrip("\r\n")
    return f"---{newline}{without_keys(block, _OURS)}---{newline}{body}"


def expanded(where: str, content: bytes, tokens: Mapping[str, str]) -> bytes:
    """Return a file with its tokens expanded; one that is no text stays as it is.

    Args:
        where: The file, by its ending and for messages.
        content: What it has.
        tokens: What each token stands for.

    Raises:
        ConfigInvalid: It is Markdown, and there is no token of a name.
    """
    if b"{{" not in content or not is_text(content):
        return content
    if Path(where).suffix.lower() in MARKDOWN:
        return _expanded(where, content.decode(), tokens).encode()
    return expand(content.decode(), tokens, keep_unknown=True).encode()


def _further(skill: Skill, name: str, tokens: Mapping[str, str]) -> RenderedFile:
    path = skill.path / name
    content, found = read_bytes(path, MOST_BYTES)
    mode = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
    return RenderedFile(expanded(str(path), content, tokens), mode)


def _expanded(where: str, text: str, tokens: Mapping[str, str]) -> str:
    try:
        return expand(text, tokens)
    except KeyError:
        raise unknown_token(where, next(iter(unknown_tokens(text, tokens))), tokens) from None
