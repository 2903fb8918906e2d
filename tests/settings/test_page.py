"""docs/settings.md shows every setting there is, and all of it is valid."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from agentos.hub.settings import load_hub_settings
from agentos.models.settings import load_settings
from agentos.settings.areas import whole_document
from agentos.settings.mistakes import declared
from agentos.settings.places import Path as Keys

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def _example() -> str:
    (example,) = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(example)


def test_the_example_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "agentos.toml"
    file.write_text(_example())
    hub, models = load_hub_settings(file), load_settings(file)
    assert {action.name for action in hub.actions} == {"lint", "compile", "package", "install"}
    assert [provider.name for provider in models.providers] == ["openai", "local"]


def test_the_example_has_every_setting() -> None:
    said, known = set[Keys](), set[Keys]()
    for path, table in _tables(tomllib.loads(_example()), ()):
        kind = tuple("*" if _is_a_name(path, depth) else part for depth, part in enumerate(path))
        said |= {(*kind, key) for key in table}
        known |= {(*kind, key) for key in declared(whole_document(), path)}
    key = ("providers", "*", "key")
    assert known - said == {(*key, "command"), (*key, "keyring")}  # of three places it shows one


def _is_a_name(path: Keys, depth: int) -> bool:
    return isinstance(path[depth], int) or (
        depth == 1 and path[0] in ("providers", "prices", "profiles")
    )


def _tables(value: object, path: Keys) -> Iterator[tuple[Keys, dict[str, object]]]:
    if isinstance(value, dict):
        yield path, value
        for key, each in value.items():
            yield from _tables(each, (*path, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _tables(each, (*path, number))
