"""Areas share one document; each has tables of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pydantic import Field

from agentos.errors import ConfigInvalid
from agentos.settings import areas
from agentos.settings.document import Document, read_document
from agentos.settings.table import Area, Table


def test_no_two_areas_declare_the_same_table() -> None:
    tables = Counter(name for area in areas.AREAS for name in area.tables.model_fields)
    assert [name for name, times in tables.items() if times > 1] == []


class _Role(Table):
    model: str


class _Roles(Table):
    roles: dict[str, _Role] = Field(default_factory=dict)


def _roles(document: Document) -> dict[str, _Role]:
    for name in document.tables(_Roles).roles:
        if name.isupper():
            document.refuse(("roles", name), "roles are small")
    return document.tables(_Roles).roles


def test_an_area_more_is_read_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "agentos.toml"
    file.write_text('[hub]\nport = 1\n[roles.planner]\nmodel = "x"\n')
    with pytest.raises(ConfigInvalid, match=":3:2: roles: there is no such table"):
        read_document(file)
    monkeypatch.setattr(areas, "AREAS", (*areas.AREAS, Area(_Roles, _roles)))
    areas.whole_document.cache_clear()
    try:
        assert _roles(read_document(file))["planner"].model == "x"
        file.write_text("[roles.planner]\nmodle = 'x'\n")
        with pytest.raises(ConfigInvalid, match=r"roles\.planner") as caught:
            read_document(file)
        assert caught.value.message.startswith(f"{file}:")
        file.write_text("[roles.PLANNER]\nmodel = 'x'\n")
        with pytest.raises(ConfigInvalid, match=r":1:2: roles\.PLANNER: roles are small"):
            read_document(file)
    finally:
        areas.whole_document.cache_clear()
