"""The copy of follows. What is not newer than the row is ignored."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import literal, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.place import Place
from notifier_service.models import Follow


class Follows:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(
        self, *, follower_id: UUID, followee_id: UUID, since: datetime, place: Place
    ) -> None:
        """Begin a stretch of following."""
        new = insert(Follow).values(
            follower_id=follower_id,
            followee_id=followee_id,
            since=since,
            epoch=place.epoch,
            position=place.position,
        )
        saved = new.on_conflict_do_update(
            index_elements=["follower_id", "followee_id", "since"],
            set_={"until": None, "epoch": place.epoch, "position": place.position},
            where=tuple_(Follow.epoch, Follow.position)
            < tuple_(new.excluded.epoch, new.excluded.position),
        )
        await self._session.execute(saved)

    async def end_older(self, *, until: datetime, place: Place) -> None:
        """End the open stretches that were told before `place`."""
        ended = (
            update(Follow)
            .where(
                Follow.until.is_(None),
                tuple_(Follow.epoch, Follow.position)
                < tuple_(literal(place.epoch), literal(place.position)),
            )
            .values(until=until, epoch=place.epoch, position=place.position)
        )
        await self._session.execute(ended, execution_options={"synchronize_session": False})

    async def end(
        self, *, follower_id: UUID, followee_id: UUID, until: datetime, place: Place
    ) -> None:
        """End the stretch that is open."""
        ended = (
            update(Follow)
            .where(
                Follow.follower_id == follower_id,
                Follow.followee_id == followee_id,
                Follow.until.is_(None),
                tuple_(Follow.epoch, Follow.position)
                < tuple_(literal(place.epoch), literal(place.position)),
            )
            .values(until=until, epoch=place.epoch, position=place.position)
        )
        await self._session.execute(ended)
