"""Keeps a process supplied with the keys of access tokens; failing to is logged, never fatal.

How often they are read bounds how long a revoked key is accepted. A token of a key that is not
known brings the next reading forward, and waits for nothing: keys are published before they sign.
"""

import asyncio
from contextlib import suppress
from typing import Any, Final

import structlog
from prometheus_client import Gauge

from common.clock import utc_now
from common.db.jwks_copy import load_jwks, store_jwks
from common.errors import Unavailable
from common.http.client import PeerRefused
from common.platform import Platform
from common.supervision import beat

# Not where everybody reads them: the calls of services go on while others are refused.
PATH: Final = "/internal/jwks"
_FIRST_SECONDS: Final = 1.0
# However many tokens of unknown keys come in: anybody can make them.
_LEAST_SECONDS: Final = 1.0

fetched_at = Gauge(
    "colonnade_jwks_fetched_timestamp_seconds", "When the keys of access tokens were last read."
)

log = structlog.get_logger()


async def refresh_keys(platform: Platform) -> None:
    """Load the stored copy, then fetch for ever: each second until the first success.

    A key set that equals the one in use costs nothing: what it verified stays remembered.
    """
    current = stored = await _load(platform)
    wait = _FIRST_SECONDS
    unknown_key_seen = platform.user_tokens.unknown_key_seen
    while True:
        beat()
        # Before the fetch: a key that is missed during it may not be in what it brings.
        unknown_key_seen.clear()
        fetched = await _fetch(platform)
        if fetched is not None:
            wait = platform.settings.jwks_refresh_seconds
            if fetched != current and _use(platform, fetched):
                current = fetched
            if current is not None and current != stored and await _store(platform, current):
                stored = current
        await _rest(unknown_key_seen, wait)


async def _rest(unknown_key_seen: asyncio.Event, seconds: float) -> None:
    """Wait for the next turn; an unknown key ends the wait, but never at once."""
    least = min(_LEAST_SECONDS, seconds)
    await asyncio.sleep(least)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds - least):
            await unknown_key_seen.wait()


async def _load(platform: Platform) -> dict[str, Any] | None:
    try:
        stored = await load_jwks(platform.database)
    except Unavailable as error:
        log.warning("jwks_copy_unread", reason=str(error))
        return None
    return stored if stored is not None and _use(platform, stored) else None


async def _fetch(platform: Platform) -> dict[str, Any] | None:
    try:
        fetched = await platform.peers[platform.settings.token_keys_peer].get(PATH)
    except (Unavailable, PeerRefused) as error:
        log.warning("jwks_not_fetched", reason=str(error))
        return None
    if not isinstance(fetched, dict):
        log.error("jwks_malformed")
        return None
    fetched_at.set_to_current_time()
    return fetched


def _use(platform: Platform, keys: dict[str, Any]) -> bool:
    try:
        platform.user_tokens.use_keys(keys)
    except ValueError:
        log.exception("jwks_malformed")
        return False
    return True


async def _store(platform: Platform, keys: dict[str, Any]) -> bool:
    try:
        await store_jwks(platform.database, keys, utc_now())
    except Unavailable as error:
        log.warning("jwks_copy_unwritten", reason=str(error))
        return False
    return True
