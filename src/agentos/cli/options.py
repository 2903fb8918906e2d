"""What several commands are told in the same words."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from agentos.errors import ConfigInvalid

if TYPE_CHECKING:
    from agentos.machine.isolation.backends import Isolation as Kind
    from agentos.machine.limits.limits import Limits
    from agentos.machine.network import NetworkPolicy, Preset

Env = Annotated[
    list[str] | None,
    typer.Option("--env", "-e", metavar="NAME[=VALUE]", help="Give a variable; by name, yours."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="HOST[:PORT]", help="Let the machine reach this host."),
]
Network = Annotated[
    str | None,
    typer.Option("--network", metavar="PRESET", help="Let it reach packages, agents or open."),
]
Workspace = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        exists=True,
        file_okay=False,
        metavar="DIR",
        help="Copy this directory in and work there.",
    ),
]
Software = Annotated[list[str] | None, typer.Option("--software", help="Put this on the PATH.")]
Memory = Annotated[
    str | None, typer.Option("--memory", metavar="SIZE", help="At most this much, such as 512M.")
]
Cpus = Annotated[float | None, typer.Option("--cpus", help="At most so many CPUs, such as 0.5.")]
Pids = Annotated[int | None, typer.Option("--pids", help="At most so many processes and threads.")]
Image = Annotated[
    str, typer.Option("--image", metavar="NAME", help="An image or snapshot; host is this host.")
]
Isolation = Annotated[
    str,
    typer.Option(
        "--isolation", metavar="KIND", help="namespace, gvisor, microvm, landlock or strong."
    ),
]
#: As many rows as may be asked for: a database's numbers end somewhere.
MOST_ROWS = 1_000_000_000
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")]
JsonArray = Annotated[bool, typer.Option("--json", help="One JSON array, for programs.")]


def environment(words: Iterable[str] | None) -> dict[str, str]:
    """Turn `--env` words into variables.

    Raises:
        ConfigInvalid: There is no name, or one without a value that the caller has not set.
    """
    env: dict[str, str] = {}
    for word in words or ():
        name, given, value = word.partition("=")
        if not name:
            raise ConfigInvalid(f"--env {word}: there is no name", hint="--env NAME=VALUE")
        if not given:
            if name not in os.environ:
                raise ConfigInvalid(
                    f"--env {name}: there is no such variable",
                    code="env_missing",
                    hint=f"export {name}=..., or pass --env {name}=VALUE",
                )
            value = os.environ[name]
        env[name] = value
    return env


def isolation(kind: str) -> Kind:
    """Turn `--isolation` into a kind of isolation.

    Raises:
        IsolationUnavailable: There is none of this name.
    """
    from agentos.machine.isolation.backends import check

    check(kind)
    return cast("Kind", kind)


def network_policy(preset: str | None, allow: Iterable[str] | None) -> NetworkPolicy:
    """Turn `--network` and `--allow` into a policy.

    Raises:
        ConfigInvalid: There is no such preset, or an entry cannot be read.
    """
    from agentos.machine.network import NetworkPolicy

    return NetworkPolicy.preset(cast("Preset", preset or "none"), allow=list(allow or ()))


def limits(memory: str | None, cpus: float | None, pids: int | None) -> Limits | None:
    """Turn `--memory`, `--cpus` and `--pids` into limits; None where nothing is bounded."""
    if memory is None and cpus is None and pids is None:
        return None
    from agentos.machine.limits.limits import Limits

    return Limits(memory=memory, cpus=cpus, pids=pids)
