"""What auth's handlers are given."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from auth_service.resources import Resources
from auth_service.unit_of_work import Tx


def resources_of(request: Request) -> Resources:
    """Return what the process opened at its start."""
    resources: Resources = request.app.state.resources
    return resources


async def transaction(request: Request) -> AsyncIterator[Tx]:
    """Open the request's transaction; it commits before the answer is sent."""
    async with resources_of(request).transaction() as tx:
        yield tx


async def resources(request: Request) -> Resources:
    """Dependency: what the process opened at its start."""
    return resources_of(request)


InTransaction = Annotated[Tx, Depends(transaction, scope="function")]
WithResources = Annotated[Resources, Depends(resources)]
