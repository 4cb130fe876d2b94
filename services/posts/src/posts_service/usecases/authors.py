"""The copies of authors."""

from uuid import UUID

from common.place import Place
from posts_service.unit_of_work import Tx


async def copy_author(
    tx: Tx, *, user_id: UUID, username: str, display_name: str, place: Place
) -> None:
    """Keep what users says a person is called, unless a later event has said so already."""
    await tx.authors.save(user_id, username=username, display_name=display_name, place=place)


async def forget_authors(tx: Tx, *, place: Place) -> None:
    """Drop the copies that a snapshot of `place` did not renew: users knows them no longer."""
    await tx.authors.forget_older(place)
