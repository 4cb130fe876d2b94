"""Events of the service that owns who a person is and whom they follow, block and mute."""

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


class UserBlocked(Event):
    """`blocker_id` and `blocked_id` must not meet since `blocked_at`.

    Follows between the two have ended, each told by an event of its own.

    Key: `blocker_id`:`blocked_id`.
    """

    wire_name: ClassVar = "users.user_blocked.v1"

    blocker_id: UUID = Field(
        description="The user who blocks.", examples=["0199a3c2-11d8-7e0a-8b6f-3c9d7f20a502"]
    )
    blocked_id: UUID = Field(
        description="The user who is blocked.", examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"]
    )
    blocked_at: datetime = Field(description="Since when (UTC).", examples=["2026-03-01T10:00:00Z"])


class UserUnblocked(Event):
    """`blocker_id` no longer blocks `blocked_id`, who may still block them.

    Key: `blocker_id`:`blocked_id`.
    """

    wire_name: ClassVar = "users.user_unblocked.v1"

    blocker_id: UUID = Field(
        description="The user who blocked.", examples=["0199a3c2-11d8-7e0a-8b6f-3c9d7f20a502"]
    )
    blocked_id: UUID = Field(
        description="The user who was blocked.", examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"]
    )
    unblocked_at: datetime = Field(
        description="Since when no longer (UTC).", examples=["2026-03-02T18:45:00Z"]
    )


class UserMuted(Event):
    """`muter_id` does not want to see what `muted_id` writes; nobody else may learn it.

    Key: `muter_id`:`muted_id`.
    """

    wire_name: ClassVar = "users.user_muted.v1"

    muter_id: UUID = Field(
        description="The user who mutes.", examples=["0199a3c2-11d8-7e0a-8b6f-3c9d7f20a502"]
    )
    muted_id: UUID = Field(
        description="The user who is muted.", examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"]
    )
    muted_at: datetime = Field(description="Since when (UTC).", examples=["2026-03-01T10:00:00Z"])


class UserUnmuted(Event):
    """`muter_id` wants to see what `muted_id` writes again.

    Key: `muter_id`:`muted_id`.
    """

    wire_name: ClassVar = "users.user_unmuted.v1"

    muter_id: UUID = Field(
        description="The user who muted.", examples=["0199a3c2-11d8-7e0a-8b6f-3c9d7f20a502"]
    )
    muted_id: UUID = Field(
        description="The user who was muted.", examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"]
    )
    unmuted_at: datetime = Field(
        description="Since when no longer (UTC).", examples=["2026-03-02T18:45:00Z"]
    )
