"""A world outside, and networks inside with and without a packet filter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.machine.network.world import WithoutNetfilter, World

from agentos.testing.namespace import NetworkNamespace


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
            writer.write_eof()
            await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        yield World(server.sockets[0].getsockname()[1])


@pytest.fixture(params=[NetworkNamespace, WithoutNetfilter], ids=["redirect", "doors"])
async def inside(request: pytest.FixtureRequest) -> AsyncIterator[NetworkNamespace]:
    async with request.param() as namespace:
        yield namespace


@pytest.fixture
async def redirected() -> AsyncIterator[NetworkNamespace]:
    async with NetworkNamespace() as namespace:
        yield namespace
