"""Identifiers: UUIDv7, so that keys rise with time and indexes stay dense (RFC 9562)."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """Return a new UUIDv7 as the standard library's UUID."""
    return UUID(int=uuid7().int)
