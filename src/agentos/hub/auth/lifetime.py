"""How long, in the words of a command line."""

from __future__ import annotations

import re

from agentos.errors import ConfigInvalid

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_lifetime(text: str) -> float:
    """Read `90s`, `30m`, `1h`, `7d` or `2w` as seconds.

    Raises:
        ConfigInvalid: It is none of those.
    """
    found = re.fullmatch(r"([0-9]{1,6})([smhdw])", text.strip())
    if found is None or int(found[1]) == 0:
        raise ConfigInvalid(
            f"{text!r} is no length of time",
            code="lifetime_invalid",
            hint="write it as 90s, 30m, 1h, 7d or 2w",
        )
    return float(int(found[1]) * _SECONDS[found[2]])
