"""Tools of files: list, read, search, write, replace."""

from __future__ import annotations

from collections.abc import Iterator

from mcp.server.mcpserver.tools import Tool

from agentos.hub.files.results import (
    FileContent,
    Listing,
    ReplaceResult,
    SearchResult,
    WriteResult,
)
from agentos.hub.mcp.services import Services
from agentos.hub.mcp.tool import tool


def file_tools(services: Services) -> Iterator[Tool]:
    """Make the tools."""

    async def list_directory(
        path: str = ".",
        recursive: bool = False,
        glob: str | None = None,
        hidden: bool = False,
        limit: int = 500,
        cursor: str | None = None,
    ) -> Listing:
        return await services.files().list(
            path, recursive=recursive, glob=glob, hidden=hidden, limit=limit, cursor=cursor
        )

    async def read(
        path: str,
        start_line: int | None = None,
        end_line: int | None = None,
        offset: int | None = None,
        length: int | None = None,
        encoding: str | None = None,
    ) -> FileContent:
        return await services.files().read(
            path,
            start_line=start_line,
            end_line=end_line,
            offset=offset,
            length=length,
            encoding=encoding,
        )

    async def search(
        pattern: str,
        path: str = ".",
        globs: list[str] = [],  # noqa: B006 - the schema's default; never changed
        fixed: bool = False,
        ignore_case: bool = False,
        context: int = 0,
        limit: int = 200,
        hidden: bool = False,
    ) -> SearchResult:
        return await services.files().search(
            pattern,
            path=path,
            globs=globs,
            fixed=fixed,
            ignore_case=ignore_case,
            context=context,
            limit=limit,
            hidden=hidden,
        )

    async def write(
        path: str,
        content: str | None = None,
        base64: str | None = None,
        expected_sha256: str | None = None,
        overwrite: bool = True,
        mkdirs: bool = False,
    ) -> WriteResult:
        return await services.files().write(
            path,
            content,
            base64=base64,
            expected_sha256=expected_sha256,
            overwrite=overwrite,
            mkdirs=mkdirs,
        )

    async def replace(
        path: str, old: str, new: str, expected_sha256: str | None = None, all: bool = False
    ) -> ReplaceResult:
        return await services.files().replace(
            path, old, new, expected_sha256=expected_sha256, all=all
        )

    yield tool("agentOS_fs_list", list_directory)
    yield tool("agentOS_fs_read", read)
    yield tool("agentOS_fs_search", search)
    yield tool("agentOS_fs_write", write)
    yield tool("agentOS_fs_replace", replace)
