"""Posts' events: a copy of what is published."""

from common.contracts import PostDeleted, PostPublished
from common.streams import Received
from notifier_service.models import PublishedPost
from notifier_service.unit_of_work import Tx
from notifier_service.usecases import posts


async def post_published(tx: Tx, event: Received[PostPublished]) -> None:
    post = PublishedPost(
        **event.data.model_dump(), epoch=event.place.epoch, position=event.place.position
    )
    await posts.copy_post(tx, post=post)


async def post_deleted(tx: Tx, event: Received[PostDeleted]) -> None:
    await posts.delete_post(tx, post_id=event.data.post_id, place=event.place)
