"""A hub that runs, for programs of its user's on the same computer."""

from agentos.hub.client.client import HubClient

__all__ = ["HubClient"]
