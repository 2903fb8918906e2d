"""What a caller gives as a text, or as the path of a file that holds it."""

from __future__ import annotations

from pathlib import Path

from agentos.errors import ConfigInvalid


def is_text(given: str | Path) -> bool:
    """Tell whether something is the text itself: a `str` with a line break; else it is a path."""
    return isinstance(given, str) and "\n" in given


def text_of(given: str | Path, what: str) -> str:
    """Return a text that was given directly or by its path.

    Args:
        given: A `str` with a line break is the text, everything else a path on the host.
        what: What it is, for messages.

    Raises:
        ConfigInvalid: The file cannot be read, or is not UTF-8.
    """
    if is_text(given):
        return str(given)
    try:
        return Path(given).read_bytes().decode()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigInvalid(
            f"{what}: cannot read {str(given)!r}: {reason}",
            hint="give a path on the host; a text of one line ends with a line break",
        ) from error
