"""What every process of a service holds open: its database, the streams, tokens, peers, limits."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from redis.asyncio import Redis

from common.db import Database, open_database
from common.db.key_copies import find_key
from common.http.client import PeerClient, open_client
from common.personal_keys.verifier import PersonalKeys, ask_issuer
from common.rate_limits.challenges import Challenger, open_challenger
from common.rate_limits.limiter import Limiter, open_limiter
from common.redis import open_redis
from common.settings import ServiceSettings, StreamSettings
from common.tokens import InternalTokens, UserTokens

REDIS_CONNECT_SECONDS = 0.5
# Longest silence of Redis. An XREAD must BLOCK for less: consumers wait five seconds.
REDIS_SOCKET_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Platform:
    """The mechanisms of one process; `peers` holds every service, this one included."""

    service: str
    settings: ServiceSettings
    database: Database
    streams: Redis
    user_tokens: UserTokens
    personal_keys: PersonalKeys
    internal_tokens: InternalTokens
    peers: Mapping[str, PeerClient]
    limiter: Limiter
    challenger: Challenger | None


class HasPlatform(Protocol):
    """What the mechanisms of common ask of a service's resources."""

    @property
    def platform(self) -> Platform: ...


@asynccontextmanager
async def open_platform(service: str, settings: ServiceSettings) -> AsyncIterator[Platform]:
    """Open the platform of one process and close it at the end. Connects lazily."""
    async with AsyncExitStack() as stack:
        internal_tokens = InternalTokens(
            service,
            settings.internal_private_key.get_secret_value(),
            {name: peer.public_key for name, peer in settings.peers.items()},
        )
        peers = {}
        for name, peer in settings.peers.items():
            client = await stack.enter_async_context(open_client(peer.url))
            peers[name] = PeerClient(name, client, internal_tokens)
        database = await stack.enter_async_context(open_database(settings))
        user_tokens = UserTokens(
            settings.token_issuer, settings.token_audience, revocations_known=False
        )
        limiter = await stack.enter_async_context(open_limiter(service, settings))
        yield Platform(
            service=service,
            settings=settings,
            database=database,
            streams=await stack.enter_async_context(open_streams(settings)),
            user_tokens=user_tokens,
            personal_keys=_personal_keys(service, settings, database, user_tokens, peers),
            internal_tokens=internal_tokens,
            peers=peers,
            limiter=limiter,
            challenger=open_challenger(settings, limiter),
        )


def _personal_keys(
    service: str,
    settings: ServiceSettings,
    database: Database,
    user_tokens: UserTokens,
    peers: Mapping[str, PeerClient],
) -> PersonalKeys:
    """Return what verifies personal access tokens; who issues them has nobody to ask."""
    issuer = settings.token_keys_peer
    return PersonalKeys(
        read=partial(find_key, database.direct),
        ask=None if service == issuer else partial(ask_issuer, peers[issuer]),
        is_revoked=user_tokens.is_revoked,
    )


@asynccontextmanager
async def open_streams(settings: StreamSettings) -> AsyncIterator[Redis]:
    """Open the client of the event streams."""
    async with open_redis(
        settings.streams_url.get_secret_value(),
        connect_seconds=REDIS_CONNECT_SECONDS,
        silence_seconds=REDIS_SOCKET_SECONDS,
    ) as client:
        yield client
