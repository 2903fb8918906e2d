"""Write memories into an AgentOS home."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from agentos.errors import ConfigInvalid
from agentos.home.front_matter import split_head, without_keys
from agentos.home.reading import read_text
from agentos.home.replacing import create_file, sync_directory
from agentos.memories.index import update_indexes
from agentos.memories.memory import Memory
from agentos.memories.reading import DIRECTORY, MOST_BYTES, memory_path, read_memory

_PLAIN = re.compile(r"[A-Za-z][\w .,;()/+'-]*")
_WORDS = re.compile(r"(?i)(?:y|n|yes|no|on|off|true|false|null)|.*\s")


def memory_text(memory: Memory) -> str:
    """Return a memory as its file has it."""
    said = {
        "type": memory.type,
        "description": memory.description,
        "project": memory.project,
        "client": memory.client,
    }
    head = "".join(f"{key}: {_scalar(value)}\n" for key, value in said.items() if value)
    if memory.written:
        head += f"written: {memory.written.isoformat(timespec='seconds')}\n"
    return f"---\n{head}---\n\n{memory.text.strip()}\n"


def add_memory(home: Path, memory: Memory) -> Path:
    """Add a memory to an AgentOS home, and to the index.

    Returns:
        Its file.

    Raises:
        ConfigInvalid: There is one of this name, or it says what is not valid; nothing is added.
    """
    if not home.is_dir():
        raise ConfigInvalid(f"there is no AgentOS home at {home}", hint="run agentos init")
    path = memory_path(home, memory.name, memory.project)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(home):
        _make(path, memory_text(memory))
        try:
            read_memory(path, memory.project)
            update_indexes(home)
        except BaseException:
            path.unlink()
            raise
    return path


def promote_memory(home: Path, memory: Memory) -> Path:
    """Let a project's memory hold everywhere.

    Returns:
        Its new file.

    Raises:
        ConfigInvalid: It holds everywhere already, or there is one of this name that does.
    """
    if memory.project is None:
        raise ConfigInvalid(
            f"{memory.name} holds everywhere already", hint="promote one of a project"
        )
    old = memory_path(home, memory.name, memory.project)
    text = read_text(old, MOST_BYTES)
    block, body = split_head(str(old), text)
    path = memory_path(home, memory.name)
    with _locked(home):
        _make(path, f"---\n{without_keys(block, ['project'])}---\n{body}")
        old.unlink()
        sync_directory(old.parent)
        update_indexes(home)
    return path


def free_name(home: Path, memory: Memory) -> Memory:
    """Return a memory under a name that no other has."""
    number = 1
    fresh = memory
    while memory_path(home, fresh.name, fresh.project).exists():
        number += 1
        fresh = replace(memory, name=f"{memory.name}-{number}")
    return fresh


def _make(path: Path, text: str) -> None:
    """Make a memory's file; on systems that do not tell case, none takes another's place."""
    for each in path.parent.iterdir():
        if each.name.casefold() == path.name.casefold():
            raise ConfigInvalid(
                f"{each} is there already",
                code="memory_exists",
                hint="take another name, or change that file",
            )
    create_file(path, text.encode())


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Let nobody else add to the memories meanwhile; the lock leaves no file in the repository."""
    directory = os.open(home / DIRECTORY, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _scalar(value: str) -> str:
    """Write a text as YAML: plain where nobody can take it for anything else."""
    if _PLAIN.fullmatch(value) and not _WORDS.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)
