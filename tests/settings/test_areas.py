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


class _Profile(Table):
    model: str


class _Profiles(Table):
    profiles: dict[str, _Profile] = Field(default_factory=dict)


def _profiles(document: Document) -> dict[str, _Profile]:
    for name in document.tables(_Profiles).profiles:
        if name.isupper():
            document.refuse(("profiles", name), "profiles are small")
    return document.tables(_Profiles).profiles


def test_an_area_more_is_read_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "agentos.toml"
    file.write_text('[hub]\nport = 1\n[profiles.planner]\nmodel = "x"\n')
    with pytest.raises(ConfigInvalid, match=":3:2: profiles: there is no such table"):
        read_document(file)
    monkeypatch.setattr(areas, "AREAS", (*areas.AREAS, Area(_Profiles, _profiles)))
    areas.whole_document.cache_clear()
    try:
        assert _profiles(read_document(file))["planner"].model == "x"
        file.write_text("[profiles.planner]\nmodle = 'x'\n")
        with pytest.raises(ConfigInvalid, match=r"profiles\.planner") as caught:
            read_document(file)
        assert caught.value.message.startswith(f"{file}:")
        file.write_text("[profiles.PLANNER]\nmodel = 'x'\n")
        with pytest.raises(ConfigInvalid, match=r":1:2: profiles\.PLANNER: profiles are small"):
            read_document(file)
    finally:
        areas.whole_document.cache_clear()
