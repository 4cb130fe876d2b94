"""Bootstrap: a consumer that fell past retention rebuilds its copies from the producer's state.

Rows of the snapshot are applied at the place of its head, so that older events change nothing;
rows that it lacks are removed. Then the consumer goes on with the first event that is left, so that
every reaction that still can run does; the range that is gone is recorded.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

import structlog

from common.clock import utc_now
from common.contracts import Event
from common.place import Place
from common.streams.effects import Effects, Handler, HasSession, Lost, Received
from common.streams.operations import bootstrap_requested_at, note_bootstrap
from common.streams.sources import PastRetention, SnapshotPage, Source
from common.supervision import beat, every

WISH_POLL_SECONDS: Final = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Copy[T]:
    """How a copy is rebuilt: `apply` writes one row, `forget` removes rows older than a place.

    Neither may run a reaction: a snapshot tells what is, not what happened. Without `forget` rows
    that the snapshot lacks stay, because they are more than a copy.
    """

    apply: Handler[T]
    forget: Callable[[T, Place], Awaitable[None]] | None = None


type Copies[T] = Mapping[type[Event], Copy[T]]


class Bootstrap[T: HasSession]:
    """Rebuilds the copies of one producer's state."""

    def __init__(
        self,
        producer: str,
        copies: Copies[T],
        effects: Effects[T],
        transaction: Callable[[], AbstractAsyncContextManager[T]],
        source: Source,
    ) -> None:
        self._producer = producer
        self._copies = copies
        self._effects = effects
        self._transaction = transaction
        self._source = source

    async def run(self, cursor: Place, gone: PastRetention, ghosts: Lost | None) -> None:
        """Rebuild every copy and move the cursor to just before the first event that is left.

        Args:
            cursor: Where the consumer stands.
            gone: What the producer answered to that.
            ghosts: What the consumer applied and the producer lost besides.

        Safe to repeat and to run twice at a time: rows carry the place that wrote them.

        Raises:
            Unavailable: The producer does not answer; the cursor has not moved.
        """
        log.warning("bootstrap_started", producer=self._producer, cursor=str(cursor))
        await self._rebuild_all()
        resumed = Place(gone.first.epoch, gone.first.position - 1)
        skipped = Lost("skipped", resumed.epoch, gone.resume_at, resumed.position)
        await self._effects.skip(cursor, resumed, skipped, ghosts)
        log.warning("bootstrap_finished", producer=self._producer, cursor=str(resumed))

    async def run_wishes(self) -> None:
        """Rebuild the copies whenever an operator asks for it, until cancelled."""
        await every(WISH_POLL_SECONDS, self.grant_wish)

    async def grant_wish(self) -> bool:
        """Rebuild every copy if an operator asked for it; the cursor and reactions go on meanwhile.

        Raises:
            Unavailable: The producer does not answer; the wish stays.
        """
        async with self._transaction() as tx:
            requested_at = await bootstrap_requested_at(tx.session, self._producer)
        if requested_at is None:
            return False
        log.warning("bootstrap_started", producer=self._producer, requested_at=str(requested_at))
        await self._rebuild_all()
        async with self._transaction() as tx:
            await note_bootstrap(tx.session, self._producer, requested_at)
        log.warning("bootstrap_finished", producer=self._producer)
        return True

    async def _rebuild_all(self) -> None:
        for event, copy in self._copies.items():
            await self._rebuild(event, copy)

    async def _rebuild(self, event: type[Event], copy: Copy[T]) -> None:
        page = await self._source.snapshot(event.wire_name, after=None)
        head = page.head
        await self._write(event, copy, page, head)
        while page.next_key is not None:
            page = await self._source.snapshot(event.wire_name, after=page.next_key)
            await self._write(event, copy, page, head)
        if copy.forget is not None:
            async with self._transaction() as tx:
                await copy.forget(tx, head)

    async def _write(
        self, event: type[Event], copy: Copy[T], page: SnapshotPage, head: Place
    ) -> None:
        beat()
        async with self._transaction() as tx:
            for row in page.rows:
                await copy.apply(tx, _received(event.model_validate(row), head))


def _received(data: Event, head: Place) -> Received[Any]:
    row_id = uuid5(NAMESPACE_OID, f"{data.wire_name}:{data.model_dump_json()}")
    return Received(row_id, head, utc_now(), data)
