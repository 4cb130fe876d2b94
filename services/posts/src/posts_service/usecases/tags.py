"""Tags: which of them are popular at present."""

from posts_service.repositories.tags import TagDocument
from posts_service.unit_of_work import Reads


async def list_popular_tags(reads: Reads, *, limit: int) -> list[TagDocument]:
    """Return the tags that most of the newest published posts carry."""
    return await reads.tags.list_popular(limit=limit)
