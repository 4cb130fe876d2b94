"""Events of the service that owns who a person is and whom they follow."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from common.contracts.base import Event


class ProfileChanged(Event):
    """A profile was made or changed; carries all of its public card.

    Key: `user_id`.
    """

    wire_name: ClassVar = "users.profile_changed.v1"

    user_id: UUID = Field(
        description="The user.", examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"]
    )
    username: str = Field(description="The name in addresses.", examples=["ada"])
    display_name: str = Field(description="The name to show.", examples=["Ada Lovelace"])


class UserFollowed(Event):
    """`follower_id` follows `followee_id` since `followed_at`.

    Key: `follower_id`:`followee_id`.
    """

    wire_name: ClassVar = "users.user_followed.v1"

    follower_id: UUID = Field(
        description="The user who follows.", examples=["0199a3c2-11d8-7e0a-8b6f-3c9d7f20a502"]
    )
    followee_id: UUID = Field(
        description="The user who is followed.", examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"]
    )
    followed_at: datetime = Field(
        description="Since when (UTC).", examples=["2026-03-01T10:00:00Z"]
    )


class UserUnfollowed(Event):
    """`follower_id` no longer follows `followee_id`.

    Key: `follower_id`:`followee_id`.
    """

    wire_name: ClassVar = "users.user_unfollowed.v1"

    follower_id: UUID = Field(
        description="The user who follows.", examples=["0199a3c2-11d8-7e0a-8b6f-3c9d7f20a502"]
    )
    followee_id: UUID = Field(
        description="The user who is followed.", examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"]
    )
    unfollowed_at: datetime = Field(
        description="Since when no longer (UTC).", examples=["2026-03-02T18:45:00Z"]
    )
