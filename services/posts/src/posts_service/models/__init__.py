"""What posts keeps: posts, copies of what users says of people, its events, others' cursors."""

from common.db.jwks_copy import JwksCopy
from common.idempotency import tables as idempotency_tables
from common.outbox import tables as outbox_tables
from common.streams import tables as stream_tables
from posts_service.models.authors import Author
from posts_service.models.base import Base
from posts_service.models.posts import ID_PATTERN, Post, PostStatus
from posts_service.models.relations import Block, Follow, Mute, Relation

__all__ = [
    "ID_PATTERN",
    "Author",
    "Base",
    "Block",
    "Follow",
    "JwksCopy",
    "Mute",
    "Post",
    "PostStatus",
    "Relation",
    "outbox_tables",
    "stream_tables",
]
