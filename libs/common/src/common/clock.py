"""The clock: aware UTC datetimes. Rules that depend on time take `now` as an argument."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present time, aware, in UTC."""
    return datetime.now(UTC)
