"""The copy of published posts. What is not newer than the row is ignored."""

from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, literal, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.db import write_later
from common.place import Place
from notifier_service.models import PublishedPost

# The first publication counts: what is published again notifies nobody again.
_CHANGES: Final = ("author_username", "title", "slug", "epoch", "position")
_NEW: Final = insert(PublishedPost)
_SAVE: Final = _NEW.on_conflict_do_update(
    index_elements=[PublishedPost.post_id],
    set_={"deleted": False} | {name: _NEW.excluded[name] for name in _CHANGES},
    where=tuple_(PublishedPost.epoch, PublishedPost.position)
    < tuple_(_NEW.excluded.epoch, _NEW.excluded.position),
)
_DELETE: Final = (
    update(PublishedPost)
    .where(
        PublishedPost.post_id == bindparam("of"),
        tuple_(PublishedPost.epoch, PublishedPost.position)
        < tuple_(bindparam("epoch"), bindparam("position")),
    )
    .values(deleted=True, epoch=bindparam("epoch"), position=bindparam("position"))
)


class Posts:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def publish(self, post: PublishedPost) -> None:
        """Keep a post, or what has changed about it."""
        columns = PublishedPost.__table__.columns.keys()
        row = {name: getattr(post, name) for name in columns if name != "deleted"}
        write_later(self._session, _SAVE, row)

    async def delete_older(self, *, place: Place) -> list[UUID]:
        """Mark posts that were told before `place` as deleted; return their ids."""
        deleted = (
            update(PublishedPost)
            .where(
                PublishedPost.deleted.is_(False),
                tuple_(PublishedPost.epoch, PublishedPost.position)
                < tuple_(literal(place.epoch), literal(place.position)),
            )
            .values(deleted=True, epoch=place.epoch, position=place.position)
            .returning(PublishedPost.post_id)
        )
        return list((await self._session.execute(deleted)).scalars())

    def delete(self, post_id: UUID, *, place: Place) -> None:
        """Mark a post as deleted; one that was never published is not known here."""
        row = {"of": post_id, "epoch": place.epoch, "position": place.position}
        write_later(self._session, _DELETE, row)
