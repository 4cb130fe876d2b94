"""What notifier's handlers are given."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from notifier_service.resources import Resources
from notifier_service.unit_of_work import Reads


def resources_of(request: Request) -> Resources:
    """Return what the process opened at its start."""
    resources: Resources = request.app.state.resources
    return resources


async def reads(request: Request) -> AsyncIterator[Reads]:
    """Open the request's connection for reads; it is free again before the answer is sent."""
    async with resources_of(request).reads() as opened:
        yield opened


ForReading = Annotated[Reads, Depends(reads, scope="function")]
