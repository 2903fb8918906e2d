"""A tape as a YAML file: read with the line of each part, written in one step."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from agentos.errors import ConfigInvalid
from agentos.models.attribution import Kind
from agentos.models.cassettes.answer import read_answer, stored
from agentos.models.cassettes.normal_form import Rules
from agentos.models.cassettes.tape import Conversation, Interaction, Tape

_VERSION = 1
_NOTICE = "# Recorded by AgentOS; see docs/cassettes.md.\n"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BaseDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_SHARED_FROM = 200


# Other breaks than this are not told apart in a block.
_OTHER_BREAKS = re.compile("[\r\x85\u2028\u2029]")


class _Dumper(_BaseDumper):  # type: ignore[misc]
    """Writes texts of several lines as such."""


class _WholeDumper(_Dumper):
    """Writes what occurs twice twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: Any, text: str) -> yaml.Node:
    style = ("|" if not _OTHER_BREAKS.search(text) else '"') if "\n" in text else None
    node: yaml.Node = dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node


_Dumper.add_representer(str, _text)


def read_tape(path: Path) -> Tape:
    """Read a cassette.

    Raises:
        ConfigInvalid: It cannot be read; the message names file and line.
        FileNotFoundError: There is none.
    """
    try:
        root = yaml.compose(path.read_text("utf-8"), _Loader)
    except UnicodeDecodeError as error:
        raise ConfigInvalid(f"{path} is not UTF-8 text: {error}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigInvalid(f"{path}:{mark.line + 1 if mark else 1}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigInvalid(f"{path}: {error}") from error
    return _read(path, root)


def write_tape(path: Path, tape: Tape) -> None:
    """Write a cassette in one step: there is the old file or the whole new one.

    Args:
        path: The file; its directory is made if it is not there.
        tape: What to write; it holds no secrets.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = _NOTICE + dumped(_plain(tape), shared=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), _mode(path))
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def dumped(value: object, *, shared: bool = False) -> str:
    """Return some JSON as YAML, as it stands in a cassette.

    Args:
        value: The JSON.
        shared: Whether what occurs twice is written once and referred to.
    """
    dumper = _Dumper if shared else _WholeDumper
    text: str = yaml.dump(
        value, Dumper=dumper, sort_keys=False, allow_unicode=True, width=2**20, indent=2
    )
    return text


def line_of(node: yaml.Node | None, place: Sequence[str | int], inside: int = 0) -> int | None:
    """Find the line of a place in a request.

    Args:
        node: The request's node.
        place: The keys and indices that lead there; where there is no such place, the line of
            the last that there is.
        inside: The line within a text of several lines, from 0.

    Returns:
        The line from 1, or None for what was not read from a file.
    """
    if node is None:
        return None
    line = node.start_mark.line
    for step in place:
        found = _below(node, step)
        if found is None:
            return int(line) + 1
        line, node = found
    if isinstance(node, yaml.ScalarNode) and node.style == "|":
        line = node.start_mark.line + 1 + inside
    return int(line) + 1


def _below(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    return None


def _read(path: Path, root: yaml.Node | None) -> Tape:
    said = _value(path, root)
    if not isinstance(said, dict) or said.get("version") != _VERSION:
        raise ConfigInvalid(
            f"{path} is no cassette of version {_VERSION}", hint="record it anew: mode `all`"
        )
    place: list[str | int] = []
    try:
        rules = Rules(tuple(said.get("ignore") or ()), tuple(said.get("mask") or ()))
        aliases = {str(name): str(route) for name, route in (said.get("aliases") or {}).items()}
        tape = Tape(str(said.get("route") or ""), aliases, rules)
        for number, one in enumerate(said["conversations"]):
            place = ["conversations", number]
            conversation = Conversation(
                Kind(one["kind"]), str(one["provider"]), ordered=bool(one.get("ordered", True))
            )
            tape.conversations.append(conversation)
            for count, each in enumerate(one["interactions"]):
                place = ["conversations", number, "interactions", count]
                conversation.interactions.append(_interaction(each, _at(root, place)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        line = line_of(root, place)
        wrong = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ConfigInvalid(
            f"{path}:{line}: this is no interaction of a cassette: {wrong}",
            hint="record it anew: mode `all`",
        ) from error
    return tape


def _interaction(said: Mapping[str, Any], node: yaml.Node | None) -> Interaction:
    request = dict(said["request"])
    for name in ("method", "path"):
        if not isinstance(request[name], str):
            raise TypeError(f"{name} is no text")
    lines = None if node is None else _at(node, ["request"])
    return Interaction(request, read_answer(said["response"]), lines)


def _at(node: yaml.Node | None, place: Sequence[str | int]) -> yaml.Node | None:
    for step in place:
        found = None if node is None else _below(node, step)
        node = None if found is None else found[1]
    return node


def _value(path: Path, root: yaml.Node | None) -> object:
    loader = _Loader("")
    try:
        return None if root is None else loader.construct_document(root)
    except (yaml.MarkedYAMLError, ValueError) as error:
        raise ConfigInvalid(f"{path}: {error}") from error
    finally:
        loader.dispose()


def _plain(tape: Tape) -> dict[str, Any]:
    plain: dict[str, Any] = {"version": _VERSION, "route": tape.route}
    if tape.aliases:
        plain["aliases"] = tape.aliases
    for name in ("ignore", "mask"):
        if values := getattr(tape.rules, name):
            plain[name] = list(values)
    shared = _Shared()
    plain["conversations"] = [
        {
            "kind": conversation.kind.value,
            "provider": conversation.provider,
            **({} if conversation.ordered else {"ordered": False}),
            "interactions": [
                {"request": shared.request(i.request), "response": stored(i.answer)}
                for i in conversation.interactions
                if i.answer is not None
            ],
        }
        for conversation in tape.conversations
        if any(i.answer is not None for i in conversation.interactions)
    ]
    return plain


class _Shared:
    """Lets what requests repeat be written once: YAML refers to the first place."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    def request(self, request: Mapping[str, Any]) -> dict[str, Any]:
        body = request.get("body")
        if not isinstance(body, Mapping):
            return dict(request)
        parts = {
            name: [self._one(item) for item in value]
            if name in ("input", "messages") and isinstance(value, list)
            else self._one(value)
            for name, value in body.items()
        }
        return {**request, "body": parts}

    def _one(self, value: Any) -> Any:
        if not isinstance(value, dict | list):
            return value
        written = json.dumps(value)
        return self._known.setdefault(written, value) if len(written) > _SHARED_FROM else value


def _mode(path: Path) -> int:
    """Return the permissions that the file has, or that a new one would get."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
