"""Who calls, as FastAPI dependencies. Services write `user: CurrentUser` and nothing more."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from common.errors import Unauthenticated
from common.http.pagination import Pagination
from common.platform import Platform
from common.tokens import User

__all__ = ["CurrentCaller", "CurrentUser", "OptionalUser", "Pagination", "platform_of"]

USER_SCHEME = "user"
INTERNAL_SCHEME = "internal"

_user_bearer = HTTPBearer(
    auto_error=False,
    scheme_name=USER_SCHEME,
    bearerFormat="JWT",
    description="An access token from the login.",
)
_internal_bearer = HTTPBearer(
    auto_error=False,
    scheme_name=INTERNAL_SCHEME,
    bearerFormat="JWT",
    description="A token of at most a minute, signed by the calling service.",
)

_UserCredentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_user_bearer)]
_InternalCredentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_internal_bearer)]


def platform_of(request: Request) -> Platform:
    """Return the platform of the app that serves this request."""
    platform: Platform = request.app.state.resources.platform
    return platform


async def optional_user(request: Request, credentials: _UserCredentials) -> User | None:
    """Return whom the token speaks for; None without one. A bad token is refused, not ignored."""
    if credentials is None:
        if "authorization" in request.headers:
            raise Unauthenticated
        return None
    return platform_of(request).user_tokens.verify(credentials.credentials)


async def current_user(user: Annotated[User | None, Depends(optional_user)]) -> User:
    """Return whom the token speaks for.

    Raises:
        Unauthenticated: There is no token.
    """
    if user is None:
        raise Unauthenticated
    return user


async def user_of(request: Request) -> User:
    """Return whom the token of a request speaks for, before any dependency of its route.

    Raises:
        Unauthenticated: There is no token, or it is not valid.
    """
    return await current_user(await optional_user(request, await _user_bearer(request)))


async def current_caller(request: Request, credentials: _InternalCredentials) -> str:
    """Return the name of the service that calls.

    Raises:
        Unauthenticated: There is no token of a service.
    """
    if credentials is None:
        raise Unauthenticated
    return platform_of(request).internal_tokens.verify(credentials.credentials)


OptionalUser = Annotated[User | None, Depends(optional_user)]
CurrentUser = Annotated[User, Depends(current_user)]
CurrentCaller = Annotated[str, Depends(current_caller)]
