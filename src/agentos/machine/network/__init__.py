"""The network of a machine: a policy by name, and the gateway that applies it."""

from __future__ import annotations

from agentos.machine.network.doors import Inside
from agentos.machine.network.gateway import NetworkGateway
from agentos.machine.network.journal import Connection
from agentos.machine.network.policy import NetworkPolicy, Preset
from agentos.machine.network.questions import NetworkRequest
from agentos.machine.network.rules import Rule

__all__ = [
    "Connection",
    "Inside",
    "NetworkGateway",
    "NetworkPolicy",
    "NetworkRequest",
    "Preset",
    "Rule",
]
