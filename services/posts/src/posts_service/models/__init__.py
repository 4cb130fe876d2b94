"""What posts keeps: posts, comments, copies of what users says, events, answers, cursors."""

from common.db.jwks_copy import JwksCopy
from common.db.key_copies import KeyCopy
from common.db.revocations import RevokedSession
from common.idempotency import tables as idempotency_tables
from common.outbox import tables as outbox_tables
from common.streams import tables as stream_tables
from posts_service.models.authors import Author
from posts_service.models.base import Base
from posts_service.models.comments import MAX_DEPTH, Comment, depth_of, path_of
from posts_service.models.posts import ID_PATTERN, NewestPost, Post, PostStatus, PostTag
from posts_service.models.relations import Block, Follow, Mute, Relation

__all__ = [
    "ID_PATTERN",
    "MAX_DEPTH",
    "Author",
    "Base",
    "Block",
    "Comment",
    "Follow",
    "JwksCopy",
    "KeyCopy",
    "Mute",
    "NewestPost",
    "Post",
    "PostStatus",
    "PostTag",
    "Relation",
    "RevokedSession",
    "depth_of",
    "idempotency_tables",
    "outbox_tables",
    "path_of",
    "stream_tables",
]
