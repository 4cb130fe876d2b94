"""Copies of who follows, mutes and blocks whom: of two statements the later in users' log stays."""

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Exists, exists, literal, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from common.db import write_later
from common.place import Place
from posts_service.models import Block, Follow, Mute, Relation


def _save(kind: type[Relation]) -> Any:
    new = insert(kind)
    return new.on_conflict_do_update(
        index_elements=["actor_id", "target_id"],
        set_={name: new.excluded[name] for name in ("ended", "epoch", "position")},
        where=tuple_(kind.epoch, kind.position) < tuple_(new.excluded.epoch, new.excluded.position),
    )


_SAVE: Final[Mapping[type[Relation], Any]] = {kind: _save(kind) for kind in (Follow, Mute, Block)}


class Relations:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def save(
        self, kind: type[Relation], actor_id: UUID, target_id: UUID, *, ended: bool, place: Place
    ) -> None:
        """Write what the event at `place` tells, unless a later one has told more."""
        row = {
            "actor_id": actor_id,
            "target_id": target_id,
            "ended": ended,
            "epoch": place.epoch,
            "position": place.position,
        }
        write_later(self._session, _SAVE[kind], row)

    async def block_among(self, person_id: UUID, others: Collection[UUID]) -> bool:
        """Tell whether a person blocks one of others, or one of them that person."""
        query = select(
            exists().where(
                Block.ended.is_(False),
                or_(
                    (Block.actor_id == person_id) & Block.target_id.in_(others),
                    (Block.target_id == person_id) & Block.actor_id.in_(others),
                ),
            )
        )
        return bool((await self._session.execute(query)).scalar_one())

    async def end_older(self, kind: type[Relation], *, place: Place) -> None:
        """End what was told before `place`, as if users had said so there."""
        ended = (
            update(kind)
            .where(
                kind.ended.is_(False),
                tuple_(kind.epoch, kind.position)
                < tuple_(literal(place.epoch), literal(place.position)),
            )
            .values(ended=True, epoch=place.epoch, position=place.position)
        )
        await self._session.execute(ended, execution_options={"synchronize_session": False})


def blocks_between(viewer_id: Any, person_id: Any) -> tuple[Exists, Exists]:
    """Return two conditions: the viewer blocks the person, the person blocks the viewer."""
    return (
        exists().where(
            Block.actor_id == viewer_id, Block.target_id == person_id, Block.ended.is_(False)
        ),
        exists().where(
            Block.actor_id == person_id, Block.target_id == viewer_id, Block.ended.is_(False)
        ),
    )
