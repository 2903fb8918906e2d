"""`isolation="strong"` takes the strongest that is here, and never anything weaker."""

from __future__ import annotations

import functools

import pytest

from agentos.errors import IsolationUnavailable
from agentos.machine.isolation import backends
from agentos.machine.isolation.backends import Backend, choose
from agentos.machine.machine import AgentOs


def absent(why: str, hint: str) -> object:
    async def chooser() -> Backend:
        raise IsolationUnavailable(why, hint=hint)

    return chooser


def present(backend: Backend) -> object:
    async def chooser() -> Backend:
        return backend

    return chooser


async def stands_for(name: str) -> Backend:
    """A backend to be recognized by."""
    return functools.partial(await choose("namespace"), hostname=name)


async def test_with_none_of_them_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(backends._CHOICES, "microvm", absent("KVM is not there", "enable it"))
    monkeypatch.setitem(backends._CHOICES, "gvisor", absent("runsc is missing", "install it"))
    with pytest.raises(IsolationUnavailable) as caught:
        await AgentOs.create(isolation="strong")
    assert caught.value.code == "strong_unavailable"
    assert "microvm: KVM is not there (enable it)" in caught.value.message
    assert "gvisor: runsc is missing (install it)" in caught.value.message


@pytest.mark.parametrize(
    ("here", "taken"),
    [({"gvisor"}, "gvisor"), ({"microvm"}, "microvm"), ({"microvm", "gvisor"}, "microvm")],
)
async def test_the_strongest_that_is_here(
    monkeypatch: pytest.MonkeyPatch, here: set[str], taken: str
) -> None:
    made = {kind: await stands_for(kind) for kind in here}
    for kind in ("microvm", "gvisor"):
        chooser = present(made[kind]) if kind in here else absent(f"no {kind}", "")
        monkeypatch.setitem(backends._CHOICES, kind, chooser)
    assert await choose("strong") is made[taken]


async def test_another_failure_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only that it is not available leads to the next one."""

    async def broken() -> Backend:
        raise PermissionError(13, "Permission denied", "/dev/kvm")

    monkeypatch.setitem(backends._CHOICES, "microvm", broken)
    monkeypatch.setitem(backends._CHOICES, "gvisor", present(await choose("namespace")))
    with pytest.raises(PermissionError):
        await choose("strong")
