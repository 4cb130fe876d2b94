"""What posts' handlers are given."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Path, Request

from common.http.transactions import transaction
from posts_service.resources import Resources
from posts_service.unit_of_work import Reads, Tx


def resources_of(request: Request) -> Resources:
    """Return what the process opened at its start."""
    resources: Resources = request.app.state.resources
    return resources


async def reads(request: Request) -> AsyncIterator[Reads]:
    """Open the request's connection for reads; it is free again before the answer is sent."""
    async with resources_of(request).reads() as opened:
        yield opened


InTransaction = Annotated[Tx, Depends(transaction, scope="function")]
ForReading = Annotated[Reads, Depends(reads, scope="function")]
WithResources = Annotated[Resources, Depends(resources_of)]
IdOrSlug = Annotated[str, Path(description="The post's id or its slug.")]
