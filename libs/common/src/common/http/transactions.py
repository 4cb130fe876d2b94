"""The transaction of a request: it has one, which commits before the answer is sent.

Whoever must know the answer before the commit opens it first; the handler then joins it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request

from common.db import Direct, Executor, InSession


async def transaction(request: Request) -> AsyncIterator[Any]:
    """Dependency: the service's unit of work, of scope "function" so that it commits in time."""
    if hasattr(request.state, "transaction"):
        yield request.state.transaction
        return
    async with request.app.state.resources.transaction() as tx:
        yield tx


async def executor(request: Request) -> Executor:
    """Dependency: what runs a hot write, by itself or in the transaction of the request."""
    if hasattr(request.state, "transaction"):
        return InSession(request.state.transaction.session)
    direct: Direct = request.app.state.resources.platform.database.direct
    return direct


@asynccontextmanager
async def opened_transaction(request: Request) -> AsyncIterator[Any]:
    """Open the transaction that the handler of the request will join, and commit it at the end."""
    async with request.app.state.resources.transaction() as tx:
        request.state.transaction = tx
        yield tx
