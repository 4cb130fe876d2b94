"""The copy of follows. What is not newer than the row is ignored."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, literal, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.db import write_later
from common.place import Place
from notifier_service.models import Follow

_NEW: Final = insert(Follow)
_BEGIN: Final = _NEW.on_conflict_do_update(
    index_elements=["follower_id", "followee_id", "since"],
    set_={"until": None, "epoch": _NEW.excluded.epoch, "position": _NEW.excluded.position},
    where=tuple_(Follow.epoch, Follow.position)
    < tuple_(_NEW.excluded.epoch, _NEW.excluded.position),
)
_END: Final = (
    update(Follow)
    .where(
        Follow.follower_id == bindparam("follower"),
        Follow.followee_id == bindparam("followee"),
        Follow.until.is_(None),
        tuple_(Follow.epoch, Follow.position) < tuple_(bindparam("epoch"), bindparam("position")),
    )
    .values(until=bindparam("until"), epoch=bindparam("epoch"), position=bindparam("position"))
)


class Follows:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def begin(self, *, follower_id: UUID, followee_id: UUID, since: datetime, place: Place) -> None:
        """Begin a stretch of following."""
        row = {
            "follower_id": follower_id,
            "followee_id": followee_id,
            "since": since,
            "epoch": place.epoch,
            "position": place.position,
        }
        write_later(self._session, _BEGIN, row)

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

    def end(self, *, follower_id: UUID, followee_id: UUID, until: datetime, place: Place) -> None:
        """End the stretch that is open."""
        row = {
            "follower": follower_id,
            "followee": followee_id,
            "until": until,
            "epoch": place.epoch,
            "position": place.position,
        }
        write_later(self._session, _END, row)
