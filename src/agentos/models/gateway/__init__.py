"""The model gateway: machines call models through it, and never hold a provider's key."""

from __future__ import annotations

from agentos.models.gateway.gateway import ModelGateway
from agentos.models.gateway.keys import Binding

__all__ = ["Binding", "ModelGateway"]
