"""What each role may do, as scopes; nothing is allowed that no scope of a token names."""

from collections.abc import Iterable, Mapping
from typing import Final

from auth_service.models import Role

READ_ACCOUNTS: Final = "accounts:read"
END_SESSIONS: Final = "accounts:logout"
WRITE_ACCOUNTS: Final = "accounts:write"
IMPERSONATE: Final = "accounts:impersonate"
WRITE_ROLES: Final = "roles:write"
READ_AUDIT: Final = "audit:read"
MODERATE: Final = "content:moderate"

SCOPES: Final[Mapping[str, frozenset[str]]] = {
    Role.ADMIN: frozenset(
        {
            READ_ACCOUNTS,
            END_SESSIONS,
            WRITE_ACCOUNTS,
            IMPERSONATE,
            WRITE_ROLES,
            READ_AUDIT,
            MODERATE,
        }
    ),
    Role.SUPPORT: frozenset({READ_ACCOUNTS, END_SESSIONS, IMPERSONATE}),
    Role.MODERATOR: frozenset({MODERATE}),
}


def scopes_of(roles: Iterable[str]) -> list[str]:
    """Return what somebody with these roles may do, in order."""
    return sorted(set().union(*(SCOPES.get(role, frozenset()) for role in roles)))
