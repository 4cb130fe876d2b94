"""Posts' events: a copy of what is published."""

from common.contracts import PostDeleted, PostPublished
from common.place import Place
from common.streams import Received
from notifier_service.models import PublishedPost
from notifier_service.unit_of_work import Tx
from notifier_service.usecases import posts


async def post_published(tx: Tx, event: Received[PostPublished]) -> None:
    posts.copy_post(tx, post=_post(event))


async def post_deleted(tx: Tx, event: Received[PostDeleted]) -> None:
    posts.delete_post(tx, post_id=event.data.post_id, place=event.place)


async def known_post(tx: Tx, event: Received[PostPublished]) -> None:
    posts.copy_known_post(tx, post=_post(event))


async def forget_posts(tx: Tx, place: Place) -> None:
    await posts.forget_posts(tx, place=place)


def _post(event: Received[PostPublished]) -> PublishedPost:
    place = {"epoch": event.place.epoch, "position": event.place.position}
    return PublishedPost(**event.data.model_dump(), **place)
