"""Who calls, as FastAPI dependencies. Services write `user: CurrentUser` and nothing more."""

from functools import partial
from typing import Annotated

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param

from common.errors import Unauthenticated
from common.http.limits import unknown_keys
from common.http.opened import platform_of
from common.http.pagination import Pagination
from common.personal_keys.format import is_key
from common.personal_keys.scopes import SessionRequired, check_scope
from common.tokens import User
from common.trace import name_impersonator

__all__ = [
    "CurrentCaller",
    "CurrentSession",
    "CurrentUser",
    "OptionalUser",
    "Pagination",
    "platform_of",
]

USER_SCHEME = "user"
INTERNAL_SCHEME = "internal"


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

    Args:
        required: Refuse requests without a token.
        keys: Take personal access tokens, too, whose scopes allow the request.

    Raises, when called:
        Unauthenticated: There is no token, or it is not valid.
        SessionRequired: It is a personal access token where only those of sessions are taken.
        InsufficientScope: It is one that may not do this.
        TooManyUnknownKeys: Nobody knows it, as others that came from its network.
    """

    def __init__(self, *, required: bool, keys: bool = True) -> None:
        super().__init__(
            USER_SCHEME,
            bearer_format="JWT",
            description="An access token from the login, or a personal access token "
            "(`clnd_pat_…`) with the scope `<service>:read` or `<service>:write`.",
        )
        self.required = required
        self.keys = keys

    async def __call__(self, request: Request) -> User | None:
        token = self.token_of(request)
        if token is not None:
            if is_key(token):
                return await self._verify_key(request, token)
            user = platform_of(request).user_tokens.verify(token)
            if user.impersonator is not None:
                name_impersonator(str(user.impersonator))
            return user
        if self.required:
            raise Unauthenticated
        return None

    async def _verify_key(self, request: Request, token: str) -> User:
        platform = platform_of(request)
        attempt = partial(unknown_keys.attempt, request)
        user = await platform.personal_keys.verify(token, attempt)
        if not self.keys:
            raise SessionRequired
        check_scope(user, service=platform.service, method=request.method)
        return user


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
current_session = UserBearer(required=True, keys=False)


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
CurrentSession = Annotated[User, Depends(current_session)]
CurrentCaller = Annotated[str, Depends(CallerBearer())]
