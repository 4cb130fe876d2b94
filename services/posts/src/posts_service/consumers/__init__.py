"""What posts does with the events of others: each type has one function, each copy a rebuild."""

from common.contracts import (
    KeyIssued,
    KeyRevoked,
    ProfileChanged,
    SessionsRevoked,
    UserBlocked,
    UserFollowed,
    UserMuted,
    UsernameChanged,
    UserUnblocked,
    UserUnfollowed,
    UserUnmuted,
)
from common.streams import (
    Copies,
    Copy,
    Handlers,
    forget_missing_keys,
    key_issued,
    key_owner_renamed,
    key_revoked,
    sessions_revoked,
)
from posts_service.consumers import users
from posts_service.unit_of_work import Tx

HANDLERS: Handlers[Tx] = {
    ProfileChanged: users.profile_changed,
    UserFollowed: users.user_followed,
    UserUnfollowed: users.user_unfollowed,
    UserMuted: users.user_muted,
    UserUnmuted: users.user_unmuted,
    UserBlocked: users.user_blocked,
    UserUnblocked: users.user_unblocked,
    SessionsRevoked: sessions_revoked,
    KeyIssued: key_issued,
    KeyRevoked: key_revoked,
    UsernameChanged: key_owner_renamed,
}
COPIES: Copies[Tx] = {
    ProfileChanged: Copy(users.profile_changed, users.forget_profiles),
    UserFollowed: Copy(users.user_followed, users.forget_follows),
    UserMuted: Copy(users.user_muted, users.forget_mutes),
    UserBlocked: Copy(users.user_blocked, users.forget_blocks),
    KeyIssued: Copy(key_issued, forget_missing_keys),
}
