"""Tags, counted over the newest posts alone: the work stays the same however many there are."""

from functools import cache
from typing import Final, TypedDict

from sqlalchemy import func, select

from common.db import Executor, Statement
from posts_service.models import Post
from posts_service.repositories.posts import PUBLISHED, at_most

COUNTED: Final = 1_000


class TagDocument(TypedDict):
    tag: str
    posts: int


class TagReads:
    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def list_popular(self, *, limit: int) -> list[TagDocument]:
        """Return the tags that most of the newest posts carry, the most frequent ones first."""
        return [
            {"tag": row[0], "posts": row[1]} for row in await self._executor.all(_popular(limit))
        ]


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
