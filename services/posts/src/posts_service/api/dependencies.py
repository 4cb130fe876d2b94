"""What posts' handlers are given."""

from typing import Annotated

from fastapi import Depends, Path, Request

from common.db import Executor
from common.http.transactions import executor, transaction
from posts_service.repositories.new_posts import NewPosts
from posts_service.resources import Resources
from posts_service.unit_of_work import Reads, Tx


def resources_of(request: Request) -> Resources:
    """Return what the process opened at its start."""
    resources: Resources = request.app.state.resources
    return resources


async def reads(request: Request) -> Reads:
    """Return the hot reads, each of which takes a connection for its one statement."""
    return resources_of(request).reads


async def new_posts(executor: Annotated[Executor, Depends(executor)]) -> NewPosts:
    """Return where posts are written: by a statement alone, or in the transaction of a key."""
    return NewPosts(executor)


async def resources(request: Request) -> Resources:
    """Dependency: what the process opened at its start."""
    return resources_of(request)


InTransaction = Annotated[Tx, Depends(transaction, scope="function")]
ForReading = Annotated[Reads, Depends(reads)]
ForNewPosts = Annotated[NewPosts, Depends(new_posts)]
WithResources = Annotated[Resources, Depends(resources)]
IdOrSlug = Annotated[str, Path(description="The post's id or its slug.")]
