"""What the file tools return."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(description="SHA-256 of the whole file, hex")]


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class Entry(_Result):
    """One name in a listing."""

    path: Annotated[str, Field(description="as the other tools take it")]
    type: Literal["file", "directory", "symlink", "other"]
    size: Annotated[int | None, Field(description="bytes, of files")] = None
    modified: datetime


class Listing(_Result):
    """What is in a directory."""

    path: str
    entries: list[Entry]
    cursor: Annotated[str | None, Field(description="give it back for what follows")] = None
    roots: Annotated[list[str], Field(description="all that can be listed")]


class FileContent(_Result):
    """A file, or a range of it."""

    path: str
    size: Annotated[int, Field(description="bytes of the whole file")]
    sha256: Annotated[str | None, Field(description="of the whole file; null above 256 MiB")]
    text: Annotated[str | None, Field(description="null if binary")] = None
    base64: Annotated[str | None, Field(description="the bytes, if not text")] = None
    encoding: Annotated[str | None, Field(description="latin-1 also means: not UTF-8")] = None
    bom: Annotated[bool, Field(description="has a byte order mark")] = False
    newline: Literal["lf", "crlf", "none"] = "none"
    start_line: Annotated[int | None, Field(description="first line returned, from 1")] = None
    end_line: Annotated[int | None, Field(description="last line returned")] = None
    lines: Annotated[int | None, Field(description="of the whole file")] = None
    offset: Annotated[int | None, Field(description="first byte returned, of byte ranges")] = None
    truncated: Annotated[bool, Field(description="there is more after this")] = False


class FoundLine(_Result):
    """A line of a file that matches, or stands beside one that does."""

    line: Annotated[int, Field(description="from 1")]
    text: Annotated[str, Field(description="cut at 500 characters")]
    match: Annotated[bool, Field(description="false: context")] = True


class FoundFile(_Result):
    """The lines found in one file."""

    path: str
    lines: list[FoundLine]


class SearchResult(_Result):
    """What a search found, ordered by path and line."""

    files: list[FoundFile]
    matches: Annotated[int, Field(description="matching lines returned")]
    truncated: Annotated[bool, Field(description="there are more; narrow the search")] = False


class WriteResult(_Result):
    """A file that was written."""

    path: str
    size: Annotated[int, Field(description="bytes")]
    sha256: Sha256
    previous_sha256: Annotated[str | None, Field(description="null if it is new")] = None
    created: bool = False


class ReplaceResult(WriteResult):
    """A file in which a snippet was replaced."""

    lines: Annotated[list[int], Field(description="where each replacement begins, from 1")]
