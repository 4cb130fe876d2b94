"""What auth's handlers are given."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Request

from auth_service.api.networks import client_of_request
from auth_service.errors import Impersonated
from auth_service.resources import Resources
from auth_service.unit_of_work import Reads, Tx
from auth_service.usecases.reauthentication import require_recent
from auth_service.usecases.sessions import Client
from common.clock import utc_now
from common.errors import Forbidden
from common.http.dependencies import CurrentSession, CurrentUser
from common.tokens import InvalidToken, User


def resources_of(request: Request) -> Resources:
    """Return what the process opened at its start."""
    resources: Resources = request.app.state.resources
    return resources


async def resources(request: Request) -> Resources:
    """Dependency: what the process opened at its start."""
    return resources_of(request)


WithResources = Annotated[Resources, Depends(resources)]


async def transaction(request: Request) -> AsyncIterator[Tx]:
    """Open the request's transaction; it commits before the answer is sent."""
    opened = resources_of(request)
    client = client_of_request(request, opened.settings.trusted_proxies)
    async with opened.transaction(client.origin) as tx:
        yield tx


async def reads(request: Request) -> AsyncIterator[Reads]:
    """Open a connection for reads of one statement each."""
    async with resources_of(request).reads() as opened:
        yield opened


async def owner_user(user: CurrentUser) -> User:
    """Return whom the token speaks for, who acts themselves or by a token of theirs.

    Raises:
        Impersonated: One of the platform's people acts for them.
    """
    if user.impersonator is not None:
        raise Impersonated
    return user


async def owner_session(user: CurrentSession) -> User:
    """Return whom the token of a session speaks for, who acts themselves.

    Raises:
        Impersonated: One of the platform's people acts for them.
    """
    return await owner_user(user)


OwnerUser = Annotated[User, Depends(owner_user)]
OwnerSession = Annotated[User, Depends(owner_session)]


async def session_user(user: OwnerSession, resources: WithResources) -> User:
    """Return whom the token speaks for, whose session has not ended a moment ago either.

    Raises:
        InvalidToken: It has.
    """
    async with resources.reads() as opened:
        if not await opened.sessions.is_open(user.id, user.sid):
            raise InvalidToken
    return user


async def recent_user(user: OwnerSession, resources: WithResources) -> User:
    """Return whom the token speaks for, who has shown lately in its session who they are.

    Raises:
        InvalidToken: The session has ended.
        ReauthenticationRequired: They have not: `POST /reauthenticate` comes first.
    """
    async with resources.reads() as opened:
        await require_recent(opened, policy=resources.sessions, user=user, now=utc_now())
    return user


async def client(request: Request, resources: WithResources) -> Client:
    """Return where the request comes from."""
    return client_of_request(request, resources.settings.trusted_proxies)


InTransaction = Annotated[Tx, Depends(transaction, scope="function")]
WithReads = Annotated[Reads, Depends(reads, scope="function")]
SessionUser = Annotated[User, Depends(session_user)]
RecentUser = Annotated[User, Depends(recent_user)]
FromClient = Annotated[Client, Depends(client)]


def requires(scope: str) -> Any:
    """Return the dependency of a route that only tokens of this scope may use."""

    async def scoped_user(user: OwnerUser) -> User:
        if scope not in user.scope:
            raise Forbidden
        return user

    return Depends(scoped_user)
