"""What users keeps: profiles, who follows, blocks and mutes whom, its events, others' cursors."""

from common.db.jwks_copy import JwksCopy
from common.db.key_copies import KeyCopy
from common.db.revocations import RevokedSession
from common.outbox import tables as outbox_tables
from common.streams import tables as stream_tables
from users_service.models.base import Base
from users_service.models.blocks import Block
from users_service.models.follows import Follow
from users_service.models.mutes import Mute
from users_service.models.profiles import Profile

__all__ = [
    "Base",
    "Block",
    "Follow",
    "JwksCopy",
    "KeyCopy",
    "Mute",
    "Profile",
    "RevokedSession",
    "outbox_tables",
    "stream_tables",
]
