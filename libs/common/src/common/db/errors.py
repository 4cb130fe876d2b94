"""Which errors of the database are its own: the same work may succeed later, unchanged."""

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from common.errors import Unavailable


class DatabaseUnavailable(Unavailable):
    code = "common.database_unavailable"
    message = "The database does not answer."


# SQLSTATE classes that say nothing about the data: connection, resources, operator intervention,
# serialisation and deadlock (PostgreSQL documentation, appendix A).
_TRANSIENT_CLASSES = ("08", "40", "53", "55", "57")


def is_transient(error: BaseException) -> bool:
    """Tell whether the same work may succeed later without any change to code or data."""
    if isinstance(error, PoolTimeoutError | InterfaceError | OperationalError):
        return True
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        state = getattr(error, "sqlstate", None)
        return state is None or state.startswith(_TRANSIENT_CLASSES)
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        return error.connection_invalidated or (state or "").startswith(_TRANSIENT_CLASSES)
    return False


class translated_errors:  # noqa: N801 — it reads as a statement, like contextlib's own.
    """Context manager that turns transient errors of SQLAlchemy into DatabaseUnavailable.

    An OSError or TimeoutError of the code inside passes: it says nothing about the database, whose
    own ones are translated where they happen.
    """

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if error is not None and is_transient(error):
            raise DatabaseUnavailable from error
