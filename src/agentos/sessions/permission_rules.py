"""Permission by rules: what a tool call does is matched, the last match decides."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from agentos.errors import ConfigInvalid
from agentos.sessions.tool_calls import readable

Decision = Literal["allow", "ask", "reject"]
_STRICTER: tuple[Decision, ...] = ("allow", "ask", "reject")
#: What makes of a command more than words: another command or a file may hide in it.
_HIDING = re.compile(r"[$`<>(){}\n\\]")
_PARTING = set(";&|")
_SHELLS = {"sh", "bash", "zsh", "dash"}


class PermissionRules:
    """Decide by the kind, the command and the paths of a tool call; the last match wins.

    A pattern is a kind of tool call (`execute`, `edit`, `delete`, `read`, `fetch`, ... or `*`),
    or a kind and what it is about: `execute:git *` a command, `edit:/home/agentos/site/*` a path.
    `*` stands for any text, `/` included. Of a command line, each command is decided by itself,
    of a call with several paths each path; the strictest decision counts. A command that hides
    others (`$(...)`, a redirection, a quote that does not end) is allowed by no pattern that
    names a command.

    Rules decide what is asked, they keep nothing out: that is what the machine is for.

    Args:
        rules: Patterns, each with `"allow"`, `"ask"` or `"reject"`.
        default: What holds where no rule matches.

    Raises:
        ConfigInvalid: A pattern is empty, or a decision is none.

    Example:
        `PermissionRules([("execute:git *", "allow"), ("execute:git push*", "reject")])`
    """

    def __init__(self, rules: Iterable[tuple[str, Decision]], default: Decision = "ask") -> None:
        self.rules = tuple(rules)
        self.default = default
        for pattern, decision in (*self.rules, ("*", default)):
            if not pattern or decision not in get_args(Decision):
                raise ConfigInvalid(
                    f"({pattern!r}, {decision!r}) is no permission rule",
                    hint='such as ("execute:git *", "allow"), "ask" or "reject"',
                )

    def decide(self, tool_call: Mapping[str, Any]) -> Decision:
        """Decide about a tool call, in ACP's words."""
        kind = str(tool_call.get("kind") or "other")
        subjects = list(_subjects(tool_call)) or [("", True)]
        decisions = [self._of(kind, subject, plain) for subject, plain in subjects]
        return max(decisions, key=_STRICTER.index)

    def _of(self, kind: str, subject: str, plain: bool) -> Decision:
        decided = self.default
        for pattern, decision in self.rules:
            wanted_kind, named, wanted = pattern.partition(":")
            if not fnmatchcase(kind, wanted_kind):
                continue
            if named and (not fnmatchcase(subject, wanted) or (decision == "allow" and not plain)):
                continue
            decided = decision
        return decided


def _subjects(tool_call: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Return the commands or else the paths of a call, each with whether it is all there is."""
    found = readable(tool_call)
    if command := found.get("command"):
        yield from _commands(str(command))
        return
    places = [*found.get("edits", ()), *(tool_call.get("locations") or ())]
    for path in dict.fromkeys(place.get("path") for place in places):
        if isinstance(path, str):
            yield posixpath.normpath(path), True


def _commands(line: str) -> Iterator[tuple[str, bool]]:
    """Return the commands of a command line, those of a shell that is given one too."""
    try:
        script = _script(shlex.split(line))
        if script is not None:
            yield from _commands(script)
            return
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
        lexer.whitespace_split = True
        lexer.commenters = ""
        words = list(lexer)
    except ValueError:  # a quote that does not end
        yield line, False
        return
    plain = not _HIDING.search(line)
    command: list[str] = []
    for word in [*words, ";"]:
        if not set(word) <= _PARTING:
            command.append(word)
        elif command:
            yield " ".join(command), plain
            command = []


def _script(words: list[str]) -> str | None:
    """Return what `sh -c` or `bash -lc` is given; None for another command."""
    if len(words) == 3 and posixpath.basename(words[0]) in _SHELLS:
        options = words[1]
        if options in ("-c", "-lc"):
            return words[2]
    return None
