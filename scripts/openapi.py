"""Print the hub's OpenAPI document, of which the page's client is made (web/openapi.json)."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from agentos.hub.app import create_app
from agentos.hub.hub import Hub


def document() -> str:
    """Return the document, the same for every home and version."""
    with tempfile.TemporaryDirectory() as place:
        made = create_app(Hub(state=Path(place, "state"), home=Path(place, "home"))).openapi()
    made["info"]["version"] = "1"
    return json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
