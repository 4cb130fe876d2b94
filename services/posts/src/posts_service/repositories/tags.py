"""Tags, counted over the newest posts alone: the work stays the same however many there are."""

from dataclasses import dataclass
from functools import cache
from typing import Final

from sqlalchemy import func, select

from common.db import Executor, Statement
from posts_service.models import Post
from posts_service.repositories.posts import PUBLISHED, at_most

COUNTED: Final = 1_000


@dataclass(frozen=True, slots=True)
class TagView:
    tag: str
    posts: int


class TagReads:
    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def list_popular(self, *, limit: int) -> list[TagView]:
        """Return the tags that most of the newest posts carry, the most frequent ones first."""
        return [TagView(*row) for row in await self._executor.all(_popular(limit))]


@cache
def _popular(limit: int) -> Statement:
    newest = (
        select(Post.tags)
        .where(PUBLISHED)
        .order_by(Post.published_at.desc(), Post.id.desc())
        .limit(at_most(COUNTED))
        .subquery("newest")
    )
    tags = select(func.unnest(newest.c.tags).label("tag")).subquery("tags")
    count = func.count().label("posts")
    query = select(tags.c.tag, count).group_by(tags.c.tag)
    return Statement(query.order_by(count.desc(), tags.c.tag).limit(at_most(limit)))
