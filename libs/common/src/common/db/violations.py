"""Names the constraint that a statement violated, so that repositories translate by name."""

from sqlalchemy.exc import IntegrityError


def constraint_of(error: IntegrityError) -> str | None:
    """Return the violated constraint's name as PostgreSQL reports it, or None."""
    cause = getattr(error.orig, "__cause__", None)
    name = getattr(cause, "constraint_name", None)
    return str(name) if name else None
