"""What users' handlers are given."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from users_service.resources import Resources
from users_service.unit_of_work import Tx


async def transaction(request: Request) -> AsyncIterator[Tx]:
    """Open the request's transaction; it commits before the answer is sent."""
    resources: Resources = request.app.state.resources
    async with resources.transaction() as tx:
        yield tx


InTransaction = Annotated[Tx, Depends(transaction, scope="function")]
