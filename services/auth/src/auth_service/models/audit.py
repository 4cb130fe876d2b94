"""What was done to accounts, by whom and from where: written with the fact, chained afterwards.

The database lets nobody change an entry (see the migration): its place in the chain is filled in
once, and what is personal in it may be erased.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.models.base import Base


class Action(StrEnum):
    """What was done; names are kept for ever, as entries are."""

    LOGIN = "login"
    LOGIN_REFUSED = "login_refused"
    LOGOUT = "logout"
    SESSION_STOLEN = "session_stolen"
    PASSWORD_REFUSED = "password_refused"  # noqa: S105 — what was done.
    CODE_REFUSED = "code_refused"
    REAUTHENTICATED = "reauthenticated"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 — as above.
    PASSWORD_RESET = "password_reset"  # noqa: S105 — as above.
    EMAIL_CHANGED = "email_changed"
    USERNAME_CHANGED = "username_changed"
    ROLE_GRANTED = "role_granted"
    ROLE_WITHDRAWN = "role_withdrawn"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    ACCOUNT_LOGGED_OUT = "account_logged_out"
    RESET_FORCED = "reset_forced"
    IMPERSONATION_STARTED = "impersonation_started"
    KEY_ISSUED = "key_issued"
    KEY_REVOKED = "key_revoked"
    SIGNING_KEYS_ROTATED = "signing_keys_rotated"
    SIGNING_KEY_REVOKED = "signing_key_revoked"
    ENTRIES_ERASED = "entries_erased"


class AuditEntry(Base):
    """`account_id` is whose account it is about; None for an address that nobody has,
    and for the keys that sign for everybody.

    `actor_id`, `session_id`, `impersonator_id` are who did it, as the token told; an entry of an
    operator at the command line names them in `personal`, as it does network and device. In the
    chain stands `personal_hash`, salted, so that what was erased can neither be guessed nor missed.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        UniqueConstraint("position"),
        CheckConstraint("(position IS NULL) = (hash IS NULL)", name="chained"),
        CheckConstraint("(personal IS NULL) = (salt IS NULL)", name="erased"),
        Index("ix_audit_entries_waiting", "id", postgresql_where=text("position IS NULL")),
        Index("ix_audit_entries_account_id_id", "account_id", "id"),
        Index("ix_audit_entries_actor_id_id", "actor_id", "id"),
        Index("ix_audit_entries_action_id", "action", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    occurred_at: Mapped[datetime]
    action: Mapped[str]
    account_id: Mapped[UUID | None]
    actor_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    impersonator_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any]]
    personal_hash: Mapped[bytes] = mapped_column(LargeBinary)
    personal: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    position: Mapped[int | None] = mapped_column(BigInteger)
    hash: Mapped[bytes | None] = mapped_column(LargeBinary)


class AuditHead(Base):
    """One row, the end of the chain; whoever locks it makes the chain longer."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, server_default=text("1"))
    position: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    hash: Mapped[bytes] = mapped_column(LargeBinary)
