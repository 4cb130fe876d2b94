"""Events of the service that owns accounts and credentials. None of them carries a secret."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from common.contracts.base import Event


class AccountRegistered(Event):
    """An account's address was verified: from now on the person exists for everyone.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.account_registered.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    username: str = Field(description="The name of the account.", examples=["ada"])


class EmailVerificationRequested(Event):
    """Somebody registered an address that is not verified yet; `link_id` names the mailed link.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.email_verification_requested.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    email: str = Field(
        description="The address that the mail goes to.", examples=["ada@example.com"]
    )
    username: str = Field(description="The name of the account.", examples=["ada"])
    link_id: UUID = Field(
        description="The mailed link, which auth's `/internal/mail-links/{id}` tells to notifier.",
        examples=["0199a3c1-7c41-7d18-a2c4-6e0b9f3d7a03"],
    )


class KnownAddressRegistered(Event):
    """Somebody tried to register an address that already has a verified account.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.known_address_registered.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    email: str = Field(
        description="The address that the mail goes to.", examples=["ada@example.com"]
    )
    username: str = Field(description="The name of the account.", examples=["ada"])


class PasswordResetRequested(Event):
    """Somebody asked for a new password of a verified account; `link_id` names the mailed link.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.password_reset_requested.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    email: str = Field(
        description="The address that the mail goes to.", examples=["ada@example.com"]
    )
    username: str = Field(description="The name of the account.", examples=["ada"])
    link_id: UUID = Field(
        description="The mailed link, which auth's `/internal/mail-links/{id}` tells to notifier.",
        examples=["0199a3c1-7c41-7d18-a2c4-6e0b9f3d7a03"],
    )


class PasswordChanged(Event):
    """An account has another password, and all of its sessions have ended.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.password_changed.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    email: str = Field(
        description="The address that the mail goes to.", examples=["ada@example.com"]
    )
    username: str = Field(description="The name of the account.", examples=["ada"])
    changed_at: datetime = Field(
        description="When it was changed (UTC).", examples=["2026-03-01T09:30:00Z"]
    )


class SessionsRevoked(Event):
    """These sessions have ended: an access token of theirs is accepted no longer.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.sessions_revoked.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    session_ids: list[UUID] = Field(
        description="The `sid` of the tokens, at most 500.",
        examples=[["0199a3c5-2b0e-7f4d-8a61-9c3b7e5d0f09"]],
    )
    revoked_at: datetime = Field(
        description="When they ended (UTC).", examples=["2026-03-01T09:30:00Z"]
    )
    expires_at: datetime = Field(
        description="After this time all of their tokens have expired (UTC).",
        examples=["2026-03-01T09:41:00Z"],
    )


class EmailChangeRequested(Event):
    """The owner of an account wants another address; `link_id` names the link that is mailed to it.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.email_change_requested.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    email: str = Field(
        description="The new address, which the mail goes to.", examples=["ada@example.org"]
    )
    username: str = Field(description="The name of the account.", examples=["ada"])
    link_id: UUID = Field(
        description="The mailed link, which auth's `/internal/mail-links/{id}` tells to notifier.",
        examples=["0199a3c1-7c41-7d18-a2c4-6e0b9f3d7a03"],
    )


class EmailChanged(Event):
    """An account has another address, which its owner reads.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.email_changed.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    old_email: str = Field(
        description="The former address, which the mail goes to.", examples=["ada@example.com"]
    )
    email: str = Field(description="The new address.", examples=["ada@example.org"])
    username: str = Field(description="The name of the account.", examples=["ada"])
    changed_at: datetime = Field(
        description="When it was changed (UTC).", examples=["2026-03-01T09:30:00Z"]
    )


class UsernameChanged(Event):
    """An account has another username; the former one is free for others.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.username_changed.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    username: str = Field(description="The new name.", examples=["ada_lovelace"])


class SessionStolen(Event):
    """A refresh token came back long after its use: two hold it, so its session has ended.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.session_stolen.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    email: str = Field(
        description="The address that the mail goes to.", examples=["ada@example.com"]
    )
    username: str = Field(description="The name of the account.", examples=["ada"])
    device: str = Field(
        description="What used the session last, as it told itself.",
        examples=["Firefox on Linux"],
    )
    ended_at: datetime = Field(
        description="When the session ended (UTC).", examples=["2026-03-01T09:30:00Z"]
    )


class KeyIssued(Event):
    """An account has a personal access token, which counts until it expires or is revoked.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.key_issued.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    key_id: UUID = Field(
        description="The token's id.", examples=["0199a3c7-1d22-7e90-8b5a-4f6d2c9e7a11"]
    )
    token_hash: str = Field(
        description="SHA-256 of the token, in hexadecimal digits. It is no secret: a token is "
        "random, and nobody finds one by its hash.",
        examples=["7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069"],
    )
    scopes: list[str] = Field(
        description="What it may do.", examples=[["posts:read", "posts:write"]]
    )
    expires_at: datetime = Field(
        description="Until when it counts (UTC).", examples=["2026-05-30T09:30:00Z"]
    )
    issued_at: datetime = Field(
        description="When it was issued (UTC).", examples=["2026-03-01T09:30:00Z"]
    )
    name: str = Field(description="What its owner calls it.", examples=["Nightly build"])
    email: str = Field(
        description="The address that the mail goes to.", examples=["ada@example.com"]
    )
    username: str = Field(description="The name of the account.", examples=["ada"])


class KeyRevoked(Event):
    """A personal access token counts no longer.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.key_revoked.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    key_id: UUID = Field(
        description="The token's id.", examples=["0199a3c7-1d22-7e90-8b5a-4f6d2c9e7a11"]
    )
    revoked_at: datetime = Field(
        description="When it was revoked (UTC).", examples=["2026-03-01T09:30:00Z"]
    )


class LoginRequested(Event):
    """Somebody wants to log in by mail; `link_id` names the mailed link, which has a code, too.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.login_requested.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    email: str = Field(
        description="The address that the mail goes to.", examples=["ada@example.com"]
    )
    username: str = Field(description="The name of the account.", examples=["ada"])
    link_id: UUID = Field(
        description="The mailed link, which auth's `/internal/mail-links/{id}` tells to notifier.",
        examples=["0199a3c1-7c41-7d18-a2c4-6e0b9f3d7a03"],
    )


class ReauthenticationRequested(Event):
    """The owner of a session shows again who they are, by mail; `link_id` names what has the code.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.reauthentication_requested.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    email: str = Field(
        description="The address that the mail goes to.", examples=["ada@example.com"]
    )
    username: str = Field(description="The name of the account.", examples=["ada"])
    link_id: UUID = Field(
        description="The mailed link, which auth's `/internal/mail-links/{id}` tells to notifier.",
        examples=["0199a3c1-7c41-7d18-a2c4-6e0b9f3d7a03"],
    )


class NewDeviceLoggedIn(Event):
    """An account was logged in to from a device or a network that none of its sessions had used.

    Key: `account_id`.
    """

    wire_name: ClassVar = "auth.new_device_logged_in.v1"

    account_id: UUID = Field(
        description="The account, and the user of the same id.",
        examples=["0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"],
    )
    email: str = Field(
        description="The address that the mail goes to.", examples=["ada@example.com"]
    )
    username: str = Field(description="The name of the account.", examples=["ada"])
    device: str = Field(
        description="What logged in, as it told itself.", examples=["Firefox on Linux"]
    )
    network: str | None = Field(
        description="The client's address without its last part, where it is known.",
        examples=["203.0.113.0/24"],
    )
    logged_in_at: datetime = Field(
        description="When it did (UTC).", examples=["2026-03-01T09:30:00Z"]
    )
