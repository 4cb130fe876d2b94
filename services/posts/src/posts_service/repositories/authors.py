"""Copies of authors: of two statements about one person the later in users' log stays."""

from typing import Final
from uuid import UUID

from sqlalchemy import delete, exists, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.db import write_later
from common.place import EMPTY, Place
from posts_service.models import Author, Comment, Post

_NEW: Final = insert(Author)
_SAVE: Final = _NEW.on_conflict_do_update(
    index_elements=[Author.user_id],
    set_={name: _NEW.excluded[name] for name in ("username", "display_name", "epoch", "position")},
    where=tuple_(Author.epoch, Author.position)
    < tuple_(_NEW.excluded.epoch, _NEW.excluded.position),
)


class Authors:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def ensure(self, user_id: UUID, username: str) -> None:
        """Write what a token tells of an author of whom nothing is known yet."""
        # Looked up first: an insert waits for whoever is changing the row that is there, which
        # may be a consumer in the middle of a batch.
        if await self._session.scalar(select(Author.user_id).where(Author.user_id == user_id)):
            return
        new = insert(Author).values(
            user_id=user_id,
            username=username,
            display_name=username,
            epoch=EMPTY.epoch,
            position=EMPTY.position,
        )
        await self._session.execute(new.on_conflict_do_nothing())

    async def forget_older(self, place: Place) -> None:
        """Delete copies told before `place`, but for those that a post or a comment refers to."""
        row = tuple_(Author.epoch, Author.position)
        older = delete(Author).where(
            row < tuple_(literal(place.epoch), literal(place.position)),
            row > tuple_(literal(EMPTY.epoch), literal(EMPTY.position)),
            ~exists().where(Post.author_id == Author.user_id),
            ~exists().where(Comment.author_id == Author.user_id),
        )
        await self._session.execute(older, execution_options={"synchronize_session": False})

    async def save(self, user_id: UUID, *, username: str, display_name: str, place: Place) -> None:
        """Write what the event at `place` tells, unless a later one has told more."""
        row = {
            "user_id": user_id,
            "username": username,
            "display_name": display_name,
            "epoch": place.epoch,
            "position": place.position,
        }
        write_later(self._session, _SAVE, row)
