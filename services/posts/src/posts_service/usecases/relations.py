"""The copies of who follows, mutes and blocks whom."""

from uuid import UUID

from common.place import Place
from posts_service.models import Relation
from posts_service.unit_of_work import Tx


async def copy_relation(
    tx: Tx, *, kind: type[Relation], actor_id: UUID, target_id: UUID, ended: bool, place: Place
) -> None:
    """Keep what users says of two people, unless a later event has said more."""
    await tx.relations.save(kind, actor_id, target_id, ended=ended, place=place)


async def forget_relations(tx: Tx, *, kind: type[Relation], place: Place) -> None:
    """End what a snapshot of `place` did not renew: it has ended in users."""
    await tx.relations.end_older(kind, place=place)
