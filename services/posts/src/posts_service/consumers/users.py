"""Users' events: an author's card is copied, so that no read has to ask users."""

from common.contracts import ProfileChanged
from common.place import Place
from common.streams import Received
from posts_service.unit_of_work import Tx
from posts_service.usecases import authors


async def profile_changed(tx: Tx, event: Received[ProfileChanged]) -> None:
    await authors.copy_author(
        tx,
        user_id=event.data.user_id,
        username=event.data.username,
        display_name=event.data.display_name,
        place=event.place,
    )


async def forget_profiles(tx: Tx, place: Place) -> None:
    await authors.forget_authors(tx, place=place)
