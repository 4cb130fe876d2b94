"""What users' handlers are given."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from users_service.resources import Resources
from users_service.unit_of_work import Tx


def resources_of(request: Request) -> Resources:
    """Return what the process opened at its start."""
    resources: Resources = request.app.state.resources
    return resources


async def transaction(request: Request) -> AsyncIterator[Tx]:
    """Open the request's transaction; it commits before the answer is sent."""
    async with resources_of(request).transaction() as tx:
        yield tx


InTransaction = Annotated[Tx, Depends(transaction, scope="function")]
