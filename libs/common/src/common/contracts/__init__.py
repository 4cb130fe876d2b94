"""The events that services exchange: versioned, frozen, in Pydantic alone.

A published class never changes meaning. A field may be added with a default; anything else is a
new class with the next version in its wire name.
"""

from common.contracts.auth import (
    AccountRegistered,
    EmailChanged,
    EmailChangeRequested,
    EmailVerificationRequested,
    KeyIssued,
    KeyRevoked,
    KnownAddressRegistered,
    LoginRequested,
    NewDeviceLoggedIn,
    PasswordChanged,
    PasswordResetRequested,
    ReauthenticationRequested,
    SessionsRevoked,
    SessionStolen,
    UsernameChanged,
)
from common.contracts.base import Envelope, Event
from common.contracts.names import WireName, parse_wire_name
from common.contracts.posts import CommentCreated, CommentDeleted, PostDeleted, PostPublished
from common.contracts.users import (
    ProfileChanged,
    UserBlocked,
    UserFollowed,
    UserMuted,
    UserUnblocked,
    UserUnfollowed,
    UserUnmuted,
)

EVENTS: tuple[type[Event], ...] = (
    AccountRegistered,
    CommentCreated,
    CommentDeleted,
    EmailChangeRequested,
    EmailChanged,
    EmailVerificationRequested,
    KeyIssued,
    KeyRevoked,
    KnownAddressRegistered,
    LoginRequested,
    NewDeviceLoggedIn,
    PasswordChanged,
    PasswordResetRequested,
    PostDeleted,
    PostPublished,
    ProfileChanged,
    ReauthenticationRequested,
    SessionStolen,
    SessionsRevoked,
    UserBlocked,
    UserFollowed,
    UserMuted,
    UserUnblocked,
    UserUnfollowed,
    UserUnmuted,
    UsernameChanged,
)

__all__ = [
    "EVENTS",
    "AccountRegistered",
    "CommentCreated",
    "CommentDeleted",
    "EmailChangeRequested",
    "EmailChanged",
    "EmailVerificationRequested",
    "Envelope",
    "Event",
    "KeyIssued",
    "KeyRevoked",
    "KnownAddressRegistered",
    "LoginRequested",
    "NewDeviceLoggedIn",
    "PasswordChanged",
    "PasswordResetRequested",
    "PostDeleted",
    "PostPublished",
    "ProfileChanged",
    "ReauthenticationRequested",
    "SessionStolen",
    "SessionsRevoked",
    "UserBlocked",
    "UserFollowed",
    "UserMuted",
    "UserUnblocked",
    "UserUnfollowed",
    "UserUnmuted",
    "UsernameChanged",
    "WireName",
    "parse_wire_name",
]
