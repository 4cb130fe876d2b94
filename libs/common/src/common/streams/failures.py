"""What a failure of a handler means. This is the one table; nothing else decides it.

    Unavailable, RateLimited      transient   roll back, back off, the cursor waits
    OSError, TimeoutError         transient   as above: a network or a disk
    RedisError                    transient   as above
    any other AppError            permanent   park the event: its data does not fit this code
    ValidationError               permanent   park the event: it breaks its contract
    anything else                 permanent   park the event: a bug, until it is fixed

PostgreSQL's own transient errors arrive as Unavailable, see common.db.errors.
"""

from redis.exceptions import RedisError

from common.errors import RateLimited, Unavailable

TRANSIENT = (Unavailable, RateLimited, OSError, TimeoutError, RedisError)


def is_transient(error: BaseException) -> bool:
    """Tell whether the same event may succeed later without a change to code or data."""
    return isinstance(error, TRANSIENT)
