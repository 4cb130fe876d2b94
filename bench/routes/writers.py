"""What the load writes: it must be there, events must tell of it, and it goes after each turn."""

import asyncio
from typing import Any, Final

from bench.routes import data
from bench.routes.scenarios import CONNECTIONS

_PATIENCE_SECONDS: Final = 15.0
# The status is for the index, which has published posts alone; theirs are.
_WRITTEN: Final = "SELECT count(*) FROM posts WHERE author_id = ANY($1) AND status = 'published'"
_FORGET: Final = (
    "DELETE FROM post_tags WHERE author_id = ANY($1)",
    "DELETE FROM posts WHERE author_id = ANY($1) AND status = 'published'",
)
# Events have contiguous positions from the moment on when the relay has them.
_EVENTS: Final = "SELECT position + (SELECT count(*) FROM outbox) FROM stream_head"
_WAITING: Final = "SELECT count(*) FROM outbox"


class UnequalEffects(Exception):
    """Posts were answered with 201 that are not there, or that no event tells of."""


class Writers:
    """Looks after the posts of the people whose only purpose is to write.

    Args:
        connection: A superuser's.
        shape: Says who they are.
    """

    def __init__(self, connection: Any, shape: data.Shape) -> None:
        self._connection = connection
        numbers = range(shape.first_writer, shape.first_writer + shape.writers)
        self._ids = [data.person_id(number) for number in numbers]

    async def events(self) -> int:
        """Return how many events there ever were."""
        return int(await self._connection.fetchval(_EVENTS))

    async def check(self, answered: int, events: int | None) -> None:
        """Compare what is there with what was answered, and with how many events came of it.

        Requests that were under way when the load ended may have their effect or not.

        Raises:
            UnequalEffects: See there.
        """
        written = int(await self._connection.fetchval(_WRITTEN, self._ids))
        # A load has two parts, its warm-up and what is measured, which may end by themselves.
        if not answered <= written <= answered + 2 * CONNECTIONS:
            raise UnequalEffects(f"{answered} posts were answered, {written} are there")
        if events is not None and events != written:
            raise UnequalEffects(f"{written} posts are there, {events} events tell of them")

    async def settled(self) -> None:
        """Wait until requests that nobody waits for have ended and the relay has all events.

        Raises:
            TimeoutError: That does not happen.
        """
        async with asyncio.timeout(_PATIENCE_SECONDS):
            before = -1
            while (now := await self.events()) != before or await self._waiting():
                before = now
                await asyncio.sleep(0.2)

    async def forget(self) -> None:
        """Delete what they have written."""
        for statement in _FORGET:
            await self._connection.execute(statement, self._ids, timeout=60)
        await self._connection.execute("VACUUM posts, post_tags", timeout=60)

    async def _waiting(self) -> int:
        return int(await self._connection.fetchval(_WAITING))
