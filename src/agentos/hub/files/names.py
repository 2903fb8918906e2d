"""What a path may look like, as text; nothing here touches a file system."""

from __future__ import annotations

import ntpath
import os
import re
import unicodedata

from agentos.errors import FileRefused

WINDOWS = os.name == "nt"
LONGEST_NAME = 255
LONGEST_PATH = 4096
DEEPEST_PATH = 250

_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.I)
_FORBIDDEN = re.compile(r'[\x00-\x1f<>:"|?*\\]')
_GIT_SHORT = re.compile(r"git~[0-9]+")


def split(text: str, *, windows: bool = WINDOWS) -> tuple[str, ...]:
    """Return the names that a path consists of, without empty ones and `.`.

    Args:
        text: A path, absolute or not.
        windows: Whether to apply the rules of Windows: there `\\` separates too, and device
            names, streams and names that would be shortened are refused.

    Raises:
        FileRefused: No file can be meant by it, or it climbs with `..`.
    """
    if not is_text(text):
        raise FileRefused(
            "the path holds a NUL byte or half a character", code="path_refused", path=repr(text)
        )
    if len(os.fsencode(text)) > LONGEST_PATH:
        raise FileRefused(
            f"the path is longer than {LONGEST_PATH} bytes", code="name_too_long", path=text[:200]
        )
    if windows:
        text = text.replace("\\", "/")
    parts = tuple(part for part in text.split("/") if part not in ("", "."))
    if len(parts) > DEEPEST_PATH:
        raise FileRefused(
            f"the path has more than {DEEPEST_PATH} names", code="name_too_long", path=text[:200]
        )
    for part in parts:
        _check(part, text, windows)
    return parts


def _check(part: str, path: str, windows: bool) -> None:
    seen = unicodedata.normalize("NFKC", part)
    if seen.strip(" ") == "..":
        raise FileRefused(
            f"{path!r} climbs with {part!r}",
            code="path_outside_roots",
            path=path,
            hint="name the file by its path from the root, without '..'",
        )
    if part != seen and ("/" in seen or "\\" in seen or seen.strip(". ") == ""):
        raise FileRefused(
            f"{part!r} holds characters that some systems take for a separator or dots",
            code="path_refused",
            path=path,
        )
    if len(os.fsencode(part)) > LONGEST_NAME:
        raise FileRefused(
            f"a name in the path is longer than {LONGEST_NAME} bytes: {part[:40]!r}...",
            code="name_too_long",
            path=path,
        )
    if windows:
        check_portable(part, path)


def below(path: str, directory: str, *, windows: bool = WINDOWS) -> tuple[str, ...] | None:
    """Return the names from a directory to an absolute path, or None if it lies elsewhere.

    Raises:
        FileRefused: No file can be meant by it, or it climbs with `..`.
    """
    drive, rest = ntpath.splitdrive(path) if windows else ("", path)
    own_drive, own = ntpath.splitdrive(directory) if windows else ("", directory)
    if drive.casefold() != own_drive.casefold():
        return None
    parts, above = split(rest, windows=windows), split(own, windows=windows)
    same = folded if windows else str
    if [same(part) for part in parts[: len(above)]] != [same(part) for part in above]:
        return None
    return parts[len(above) :]


def is_absolute(path: str, *, windows: bool = WINDOWS) -> bool:
    """Whether a path starts at a root or drive of the system."""
    if windows:
        return path.startswith(("/", "\\")) or ntpath.splitdrive(path)[0] != ""
    return path.startswith("/")


def check_portable(name: str, path: str) -> None:
    """Refuse a name that Windows takes for something else than a file of that name.

    It is asked of each new name on every system: a tree is shared, and a name such as `NUL` or
    `a.txt:stream` harms whoever checks it out there.

    Raises:
        FileRefused: It is a device, a stream, would be shortened, or holds a forbidden character.
    """
    why = None
    if _DEVICES.fullmatch(name.rstrip(" .")) or _DEVICES.fullmatch(name.partition(".")[0].rstrip()):
        why = "is a device on Windows"
    elif _FORBIDDEN.search(name):
        why = "holds a character that Windows forbids, or that names a stream there"
    elif name != name.rstrip(" ."):
        why = "ends with a dot or space, which Windows leaves out"
    elif any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        why = "holds a control character or is not UTF-8"
    if why:
        raise FileRefused(
            f"{name!r} {why}", code="path_refused", path=path, hint="choose another name"
        )


def folded(name: str) -> str:
    """Return a name as the most forgiving file system compares it.

    Case, composed and decomposed characters, full-width forms, characters that are not shown, and
    dots and spaces at the end make no difference.
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    shown = (char for char in plain if unicodedata.category(char) not in ("Cf", "Mn", "Cc"))
    return "".join(shown).partition(":")[0].rstrip(" .")


def is_text(text: str) -> bool:
    """Whether the system can be told a text at all: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def is_git_directory(name: str) -> bool:
    """Whether some file system takes this name for `.git`."""
    if name.isascii() and not name.lower().startswith((".git", "git~")):
        return False
    same = folded(name)
    return same == ".git" or _GIT_SHORT.fullmatch(same) is not None


def printable(path: str) -> str:
    """Return a path as JSON can have it: bytes that are not UTF-8 are marked."""
    return os.fsencode(path).decode("utf-8", "replace")
