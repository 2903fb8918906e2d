"""What an image with a root of its own says beside its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """Settings of an image that stands on nothing of the host.

    Attributes:
        env: Environment of its commands.
        user: Whom it was made to run as; commands of a machine run as `agentos` all the same.
        directory: Where commands run, or "" for the home.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    directory: str = ""

    def to_json(self) -> str:
        """Return it as text."""
        return json.dumps({"env": dict(self.env), "user": self.user, "directory": self.directory})

    @classmethod
    def from_json(cls, text: str | bytes) -> ImageConfig:
        """Read what `to_json` wrote.

        Raises:
            ValueError: It is nothing of that kind.
        """
        match json.loads(text):
            case {"env": dict() as env, "user": str() as user, "directory": str() as directory}:
                return cls({str(k): str(v) for k, v in env.items()}, user, directory)
        raise ValueError("no settings of an image")
