"""Says whom a personal access token speaks for, by the copy that each service keeps of all of them.

A token that was seen within the last minute costs a look into memory, another one a row found by
its hash. Only one that the copy lacks is asked for where tokens are issued: once, however many
requests bring it, and not again for ten seconds if it is unknown there, too. How often somebody may
bring tokens that nobody knows is for the caller to say.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, timedelta
from http import HTTPStatus
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

from prometheus_client import Counter

from common.clock import utc_now
from common.http.client import PeerClient, PeerRefused
from common.memory import Memory
from common.personal_keys.card import KeyCard
from common.personal_keys.format import digest_of, hash_of
from common.personal_keys.uses import Uses
from common.tokens import InvalidToken, User

PATH: Final = "/internal/personal-keys"
# For how long a token is not looked up again. Revocations are remembered for longer than this.
REMEMBERED: Final = timedelta(seconds=60)
UNKNOWN: Final = timedelta(seconds=10)

_MOST: Final = 10_000
# Somebody who tries tokens at random takes no more than this of the service that issues them.
_ASKED_AT_ONCE: Final = 8

type Find = Callable[[bytes], Awaitable[KeyCard | None]]
# Entered to find out about a token that the copy lacks; InvalidToken leaves it if nobody knows it.
type Attempt = Callable[[], AbstractAsyncContextManager[None]]

found_total = Counter(
    "colonnade_personal_keys_found_total",
    "Where a personal access token was found that was not in memory.",
    ["place"],
)


class PersonalKeys:
    """Verifies personal access tokens.

    Args:
        read: Returns what this service's copy knows of a digest; None for a token that it lacks,
            or knows to be revoked.
        ask: Returns what the service that issues tokens knows; None where that is this one.
        is_revoked: Tells whether a token was revoked lately, by its id.
    """

    def __init__(self, read: Find, ask: Find | None, is_revoked: Callable[[UUID], bool]) -> None:
        self.uses = Uses()
        self._read = read
        self._ask = ask
        self._is_revoked = is_revoked
        self._known: Memory[User] = Memory(_MOST)
        self._unknown: Memory[bool] = Memory(_MOST)
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._asking = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def verify(self, token: str, attempt: Attempt = nullcontext) -> User:
        """Return whom the token speaks for.

        Args:
            token: A bearer token that is one by its prefix.
            attempt: Bounds how often somebody brings unknown ones.

        Raises:
            InvalidToken: It is malformed, unknown, expired or revoked.
            Unavailable: Neither the copy nor the service that issues tokens could be asked.
        """
        # What is known was looked at before: its form, too.
        user = self._known.get(hash_of(token)) or await self._find_out(digest_of(token), attempt)
        if self._is_revoked(user.sid):
            raise InvalidToken
        return user

    async def _find_out(self, digest: bytes, attempt: Attempt) -> User:
        if self._unknown.get(digest):
            raise InvalidToken
        # Of many requests with the same token one looks it up.
        async with self._turns.setdefault(digest, asyncio.Lock()):
            return self._remembered(digest) or await self._look_up(digest, attempt)

    def _remembered(self, digest: bytes) -> User | None:
        user = self._known.get(digest)
        if user is None and self._unknown.get(digest):
            raise InvalidToken
        return user

    async def _look_up(self, digest: bytes, attempt: Attempt) -> User:
        card = await self._read(digest)
        if card is not None:
            found_total.labels("copy").inc()
            return self._remember(digest, card)
        async with attempt():
            return self._remember(digest, await self._ask_about(digest))

    def _remember(self, digest: bytes, card: KeyCard | None) -> User:
        now = utc_now()
        if card is None or not card.counts(now):
            self._unknown.put(digest, (now + UNKNOWN).timestamp(), value=True)
            raise InvalidToken
        user = _user(card)
        self._known.put(digest, min(card.expires_at, now + REMEMBERED).timestamp(), user)
        self.uses.note(card.key_id, now)
        return user

    async def _ask_about(self, digest: bytes) -> KeyCard | None:
        if self._ask is None:
            return None
        async with self._asking:
            card = await self._ask(digest)
        found_total.labels("issuer" if card else "nowhere").inc()
        return card


async def ask_issuer(peer: PeerClient, digest: bytes) -> KeyCard | None:
    """Return what the service that issues tokens knows of a digest.

    Raises:
        Unavailable: It does not answer.
    """
    try:
        answer = await peer.get(f"{PATH}/{digest.hex()}")
    except PeerRefused as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    return KeyCard.model_validate(answer)


def _user(card: KeyCard) -> User:
    return User(
        id=UUID(int=card.account_id.int),
        username=card.username,
        sid=UUID(int=card.key_id.int),
        roles=frozenset(),
        scope=frozenset(card.scopes),
        expires_at=card.expires_at.astimezone(UTC),
        by_key=True,
    )
