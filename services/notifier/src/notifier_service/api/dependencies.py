"""What notifier's handlers are given."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from notifier_service.resources import Resources
from notifier_service.unit_of_work import Reads


async def hot_reads(request: Request) -> AsyncIterator[Reads]:
    """Open a connection for single statements."""
    resources: Resources = request.app.state.resources
    async with resources.reads() as reads:
        yield reads


WithReads = Annotated[Reads, Depends(hot_reads, scope="function")]
