"""A Redis that resets its connections is one that is away, in the words of uvloop, too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import uvloop
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from common.redis import open_redis


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Agree to everything, as often as there are commands."""
    while data := await reader.read(65_536):
        writer.write(b"+OK\r\n" * data.count(b"*"))
    writer.close()


@asynccontextmanager
async def client() -> AsyncIterator[Redis]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"redis://127.0.0.1:{port}"
    async with open_redis(url, connect_seconds=1, silence_seconds=1) as redis:
        yield redis
    server.close()


async def write_after_the_end() -> None:
    async with client() as redis:
        connection: Any = await cast("Any", redis.connection_pool).get_connection()
        connection._writer.transport.abort()  # noqa: SLF001 — as a reset does.
        await asyncio.sleep(0.01)
        with pytest.raises(RedisConnectionError, match="handler is closed"):
            await connection.send_packed_command([b"PING"])
        assert not connection.is_connected
        await redis.connection_pool.release(connection)
        assert await redis.set("key", "value")


def test_what_is_written_to_a_connection_that_was_reset_is_a_failure_of_redis() -> None:
    uvloop.run(write_after_the_end())


def test_an_encrypted_connection_says_it_too() -> None:
    async def kind() -> str:
        async with open_redis(
            "rediss://127.0.0.1:1", connect_seconds=1, silence_seconds=1
        ) as redis:
            return str(redis.connection_pool.connection_class.__mro__[1].__name__)

    assert asyncio.run(kind()) == "_SaysThatItEnded"
