"""What the hub tells of skills."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Copy = Literal["deployed", "yours", "absent"]


class SkillForClient(BaseModel):
    """What a client gets of a skill; `allowed` is what its front matter says."""

    client: str
    enabled: bool
    allowed: bool
    copy_there: Copy


class SkillUse(BaseModel):
    """How often a client used a skill, as it reported."""

    client: str
    count: int
    failed: int
    last: datetime


class SkillInfo(BaseModel):
    """A skill without its text; `broken` says why it cannot be read."""

    name: str
    description: str
    path: str
    groups: list[str]
    broken: str | None
    clients: list[SkillForClient]
    uses: list[SkillUse]


class GroupInfo(BaseModel):
    """A group, and for which clients it is switched off."""

    name: str
    skills: int
    enabled: bool
    off_for: list[str]


class SkillList(BaseModel):
    """Skills by name, and the clients that are synced."""

    skills: list[SkillInfo]
    groups: list[GroupInfo]
    clients: list[str]
    next: str | None


class SkillFinding(BaseModel):
    """Something about a skill that its owner should know."""

    skill: str
    path: str
    line: int
    level: Literal["error", "warning"]
    message: str


class SkillFindings(BaseModel):
    """What is wrong with the skills."""

    findings: list[SkillFinding]


class SkillText(BaseModel):
    """A SKILL.md as it stands in the home or, for a client, as that gets it."""

    name: str
    client: str | None
    text: str
    files: list[str]
    warnings: list[str]


class SkillSwitch(BaseModel):
    """A skill, or a group of them, that is switched; for every client if none is named."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=200)]
    on: bool
    group: bool = False
    client: Annotated[str, Field(max_length=100)] | None = None
