"""The home feed: what those write whom one follows, without whom one mutes or may not meet."""

from datetime import datetime
from uuid import UUID

from posts_service.repositories.posts import PostSummaryView
from posts_service.unit_of_work import Reads


async def read_feed(
    reads: Reads, *, reader_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> list[PostSummaryView]:
    """Return published posts of whom the reader follows at present, newest first."""
    return await reads.feed.page(reader_id, after=after, limit=limit)
