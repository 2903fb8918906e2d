"""The blocking classes have all that the asynchronous ones have."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import agentos
import agentos.blocking

GENERATOR = Path(__file__).parents[2] / "scripts" / "generate_blocking.py"
_spec = importlib.util.spec_from_file_location("generate_blocking", GENERATOR)
assert _spec is not None
assert _spec.loader is not None
generator = importlib.util.module_from_spec(_spec)
sys.modules["generate_blocking"] = generator
_spec.loader.exec_module(generator)

CLASSES: dict[str, tuple[str, str]] = generator.CLASSES
RENAMED = {"__aenter__": "__enter__", "__aexit__": "__exit__", "aclose": "close"}
RENAMED |= {"__aiter__": "__iter__", "__anext__": "__next__", "__await__": "result"}
#: What returns an iterator, a client or a connection of another kind, by intent.
RETURNS_OF_OTHER_NAMES = re.compile(
    r"AsyncIterator|AsyncClient|ClientConnection|AgentMachine|deque|^Self$"
)


def pair(name: str) -> tuple[Any, Any]:
    module, home = CLASSES[name]
    ours = getattr(importlib.import_module(f"agentos.blocking.{home}"), name)
    return getattr(importlib.import_module(module), name), ours


def is_async(cls: type) -> bool:
    return any(
        inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member)
        for name, member in inspect.getmembers(cls)
        if not name.startswith("_") or name in RENAMED
    )


def verbs(cls: type) -> dict[str, Any]:
    return {
        name: inspect.getattr_static(cls, name)
        for name in dir(cls)
        if not name.startswith("_") or name in RENAMED
    }


def test_what_is_checked_in_is_what_the_generator_writes() -> None:
    ran = subprocess.run(
        [sys.executable, str(GENERATOR), "--check"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, f"run python scripts/generate_blocking.py:\n{ran.stderr}"


def test_every_public_name_is_here_too() -> None:
    assert set(agentos.__all__) <= set(agentos.blocking.__all__)
    for name in agentos.blocking.__all__:
        assert getattr(agentos.blocking, name) is not None


def test_every_public_class_with_coroutines_is_generated() -> None:
    classes = {name: getattr(agentos, name) for name in agentos.__all__}
    waiting = {n for n, c in classes.items() if inspect.isclass(c) and is_async(c)}
    assert waiting - generator.SAME <= CLASSES.keys()
    for name in waiting - generator.SAME:
        assert not is_async(getattr(agentos.blocking, name))
        assert getattr(agentos.blocking, name).__module__.startswith("agentos.blocking.")


@pytest.mark.parametrize("name", CLASSES)
def test_each_verb_is_there_with_its_parameters_and_its_docstring(name: str) -> None:
    theirs, ours = pair(name)
    for verb, member in verbs(theirs).items():
        if verb in generator.LEFT_OUT[name]:
            continue
        found = inspect.getattr_static(ours, RENAMED.get(verb, verb))
        if isinstance(member, property):
            assert isinstance(found, property)
            assert found.__doc__
            continue
        if verb in RENAMED and verb != "aclose":
            continue
        wanted = inspect.signature(getattr(theirs, verb))
        given = inspect.signature(getattr(ours, verb if verb != "aclose" else "close"))
        assert list(given.parameters.values()) == list(wanted.parameters.values()), verb
        if not RETURNS_OF_OTHER_NAMES.search(str(wanted.return_annotation)):
            assert given.return_annotation == wanted.return_annotation, verb
        assert found.__doc__ or getattr(ours, verb).__doc__


@pytest.mark.parametrize("name", sorted(generator.MADE_BY_CALLERS))
def test_constructors_take_the_same(name: str) -> None:
    theirs, ours = pair(name)
    assert inspect.signature(ours).parameters == inspect.signature(theirs).parameters


@pytest.mark.parametrize("name", CLASSES)
def test_examples_in_docstrings_are_python_without_an_event_loop(name: str) -> None:
    _, ours = pair(name)
    texts = [ours.__doc__, *(getattr(member, "__doc__", "") for member in verbs(ours).values())]
    for text in texts:
        for example in re.findall(r"```python\n(.*?)```", text or "", re.DOTALL):
            compile(textwrap.dedent(example), name, "exec")  # `await` is an error out here


def test_importing_it_is_light() -> None:
    heavy = "acp mcp pydantic starlette uvicorn yaml httpx2 rich typer websockets"
    script = f"""
import sys
import agentos.blocking
assert "asyncio" not in sys.modules
from agentos.blocking import AgentOs, NetworkPolicy
loaded = [name for name in {heavy.split()!r} if name in sys.modules]
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", script], check=True)
