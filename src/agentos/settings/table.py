"""What the tables of `agentos.toml` have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, HttpUrl, TypeAdapter

if TYPE_CHECKING:
    from agentos.settings.document import Document


def _url(said: str) -> str:
    TypeAdapter(HttpUrl).validate_python(said)
    return said


#: The address of a server, as it was written.
Url = Annotated[str, AfterValidator(_url)]


class Table(BaseModel):
    """A table: a key that it does not declare is an error, and so is a value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class Area:
    """One area's part of the document.

    Attributes:
        tables: Its tables at the top of the document.
        read: Turns them into what the area's parts take; raises ConfigInvalid for what no type
            can tell.
    """

    tables: type[Table]
    read: Callable[[Document], object]
