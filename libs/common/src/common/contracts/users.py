"""Events of the service that owns who a person is and whom they follow."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from common.contracts.base import Event


class ProfileChanged(Event):
    """A profile was made or changed; carries all of its public card."""

    wire_name: ClassVar = "users.profile_changed.v1"

    user_id: UUID
    username: str
    display_name: str


class UserFollowed(Event):
    """`follower_id` follows `followee_id` since `followed_at`."""

    wire_name: ClassVar = "users.user_followed.v1"

    follower_id: UUID
    followee_id: UUID
    followed_at: datetime


class UserUnfollowed(Event):
    """`follower_id` no longer follows `followee_id`."""

    wire_name: ClassVar = "users.user_unfollowed.v1"

    follower_id: UUID
    followee_id: UUID
    unfollowed_at: datetime
