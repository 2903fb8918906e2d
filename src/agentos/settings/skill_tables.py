"""The table of skills: which are on, for which client, and the user's own tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from agentos.settings.table import Area, Table

if TYPE_CHECKING:
    from agentos.settings.document import Document
    from agentos.skills.settings import SkillSettings


def _token_name(said: str) -> str:
    from agentos.skills.settings import BUILT_IN, is_token_name

    if said in BUILT_IN:
        raise ValueError("this token is AgentOS's own: take another name")
    if not is_token_name(said):
        raise ValueError("the name of a token has letters, digits and underscores")
    return said


def _token_value(said: Any) -> Any:
    by_client = {"": said} if isinstance(said, str) else said
    if not isinstance(by_client, dict) or not all(isinstance(v, str) for v in by_client.values()):
        raise ValueError(
            'a token is a text, or one for each client: { default = "a", codex = "b" }'
        )
    return said


class SkillsTable(Table):
    command_log: bool = True
    tokens: dict[
        Annotated[str, AfterValidator(_token_name)], Annotated[Any, AfterValidator(_token_value)]
    ] = Field(default_factory=dict)
    enabled: dict[str, bool] = Field(default_factory=dict)
    clients: dict[str, dict[str, bool]] = Field(default_factory=dict)


class SkillArea(Table):
    skills: SkillsTable = SkillsTable()


def skill_settings(document: Document) -> SkillSettings:
    """Return what a document says of skills."""
    from agentos.skills.settings import settings_of

    return settings_of(document.tables(SkillArea).skills.model_dump())


AREA = Area(SkillArea, skill_settings)
