"""What a project action answers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ActionResult(BaseModel):
    """How an action ended."""

    model_config = ConfigDict(frozen=True)

    name: str
    ok: bool
    exit_code: int | None = Field(description="null if it was ended by its timeout")
    summary: str
    output: str = Field(description="the end of what it wrote")
    truncated: bool = False
    artefact: str | None = Field(None, description="the file that it made, absolute")
    seconds: float
