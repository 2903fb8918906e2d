"""The areas that `agentos.toml` consists of. A new one is added to `AREAS`."""

from __future__ import annotations

from functools import cache

from pydantic import create_model

from agentos.settings import hub_tables, model_tables, skill_tables, sync_tables, usage_tables
from agentos.settings.table import Area, Table

AREAS: tuple[Area, ...] = (
    model_tables.AREA,
    hub_tables.AREA,
    skill_tables.AREA,
    sync_tables.AREA,
    usage_tables.AREA,
)


@cache
def whole_document() -> type[Table]:
    """Return the model of the whole document: the tables of all areas."""
    return create_model("Document", __base__=tuple(area.tables for area in AREAS))
