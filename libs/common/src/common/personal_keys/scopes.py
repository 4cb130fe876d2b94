"""What a personal access token may do: what its scopes name, and nothing else.

`<service>:read` is needed for requests that change nothing at that service, `<service>:write` for
all others. Where a route asks for a scope of its own, the token needs that one, too.
"""

from typing import Final

from common.errors import Forbidden
from common.tokens import User

READ: Final = "read"
WRITE: Final = "write"
ACCESSES: Final = (READ, WRITE)

_SAFE: Final = {"GET", "HEAD", "OPTIONS"}


class InsufficientScope(Forbidden):
    code = "common.insufficient_scope"
    message = "The personal access token lacks the scope {scope}."


class SessionRequired(Forbidden):
    """Who holds a token for a script must not get hold of the account with it."""

    code = "common.session_required"
    message = "A personal access token cannot do this; log in for it."


def check_scope(user: User, *, service: str, method: str) -> None:
    """Let a personal access token pass that may do this at a service.

    Raises:
        InsufficientScope: It may not.
    """
    scope = f"{service}:{READ if method in _SAFE else WRITE}"
    if scope not in user.scope:
        raise InsufficientScope(scope=scope)
