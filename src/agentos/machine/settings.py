"""The settings of a machine, for whatever makes machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from agentos.machine.isolation.backends import Isolation
    from agentos.machine.layers.store import Snapshot
    from agentos.machine.limits.limits import Limits, LimitWarning
    from agentos.machine.mounts import Mount
    from agentos.machine.network import NetworkPolicy, Preset
    from agentos.machine.network.questions import OnRequest


class Settings(TypedDict, total=False):
    """What `AgentOs` takes, described there."""

    image: str | Snapshot
    software: Sequence[str]
    isolation: Isolation
    network: NetworkPolicy | Preset | None
    env: Mapping[str, str] | None
    name: str | None
    mounts: Sequence[Mount]
    limits: Limits | None
    on_warning: Callable[[LimitWarning], object] | None
    on_request: OnRequest | None
    root: bool
