"""Who calls, as FastAPI dependencies. Services write `user: CurrentUser` and nothing more."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param

from common.errors import Unauthenticated
from common.http.pagination import Pagination
from common.platform import Platform
from common.tokens import User

__all__ = ["CurrentCaller", "CurrentUser", "OptionalUser", "Pagination", "platform_of"]

USER_SCHEME = "user"
INTERNAL_SCHEME = "internal"


def platform_of(request: Request) -> Platform:
    """Return the platform of the app that serves this request."""
    platform: Platform = request.app.state.resources.platform
    return platform


class _Bearer(SecurityBase):
    """A scheme of OpenAPI and its check in one: each dependency costs a request as much again."""

    def __init__(self, scheme: str, *, bearer_format: str, description: str) -> None:
        self.model = HTTPBearerModel(bearerFormat=bearer_format, description=description)
        self.scheme_name = scheme

    def token_of(self, request: Request) -> str | None:
        """Return the token, None without one.

        Raises:
            Unauthenticated: The header is none of this scheme.
        """
        header = request.headers.get("authorization")
        if header is None:
            return None
        scheme, token = get_authorization_scheme_param(header)
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated
        return token


class UserBearer(_Bearer):
    """Dependency: whom the token speaks for; None without one, if it is not required.

    A bad token is refused, not ignored.

    Raises, when called:
        Unauthenticated: There is no token, or it is not valid.
    """

    def __init__(self, *, required: bool) -> None:
        super().__init__(
            USER_SCHEME, bearer_format="JWT", description="An access token from the login."
        )
        self.required = required

    async def __call__(self, request: Request) -> User | None:
        token = self.token_of(request)
        if token is not None:
            return platform_of(request).user_tokens.verify(token)
        if self.required:
            raise Unauthenticated
        return None


class CallerBearer(_Bearer):
    """Dependency: the name of the service that calls.

    Raises, when called:
        Unauthenticated: There is no token of a service.
    """

    def __init__(self) -> None:
        super().__init__(
            INTERNAL_SCHEME,
            bearer_format="JWT",
            description="A token of at most a minute, signed by the calling service.",
        )

    async def __call__(self, request: Request) -> str:
        token = self.token_of(request)
        if token is None:
            raise Unauthenticated
        return platform_of(request).internal_tokens.verify(token)


optional_user = UserBearer(required=False)
current_user = UserBearer(required=True)


async def user_of(request: Request) -> User:
    """Return whom the token of a request speaks for, before any dependency of its route.

    Raises:
        Unauthenticated: There is no token, or it is not valid.
    """
    user = await current_user(request)
    assert user is not None  # noqa: S101 — it is required.
    return user


OptionalUser = Annotated[User | None, Depends(optional_user)]
CurrentUser = Annotated[User, Depends(current_user)]
CurrentCaller = Annotated[str, Depends(CallerBearer())]
