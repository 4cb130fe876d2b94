"""Clients of Redis that fail fast, leave retries to their users, and fail in redis-py's words."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError


class _SaysThatItEnded(AbstractConnection):
    """Tells of a connection that the other side has just reset as of any other that has ended.

    uvloop refuses to write to it with a RuntimeError (MagicStack/uvloop#506), where asyncio's own
    loop writes into the void; nobody who is prepared for a Redis that is away expects that.
    """

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 — redis-py's own signature.
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            raise RedisConnectionError(str(error)) from error


class _Plain(_SaysThatItEnded, Connection):
    pass


class _Encrypted(_SaysThatItEnded, SSLConnection):
    pass


_KINDS: Final[Mapping[type[AbstractConnection], type[AbstractConnection]]] = {
    Connection: _Plain,
    SSLConnection: _Encrypted,
}


@asynccontextmanager
async def open_redis(
    url: str, *, connect_seconds: float, silence_seconds: float
) -> AsyncIterator[Redis]:
    """Open a client that connects when it is used, and close it at the end.

    Args:
        url: `redis://` or `rediss://`.
        connect_seconds: How long a connection may take.
        silence_seconds: How long Redis may be silent.
    """
    client: Redis = Redis.from_url(
        url,
        socket_connect_timeout=connect_seconds,
        socket_timeout=silence_seconds,
        retry=Retry(NoBackoff(), 0),
    )
    pool = client.connection_pool
    pool.connection_class = _KINDS[pool.connection_class]
    try:
        yield client
    finally:
        await client.aclose()
