"""The statements that something takes, for tests that count them or look at their plans."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from common.db import Direct, Statement

_own: ContextVar[bool] = ContextVar("own", default=False)


@asynccontextmanager
async def remembered(engine: AsyncEngine) -> AsyncIterator[list[tuple[str, Sequence[Any]]]]:
    """Collect what the block executes, with parameters; not what else goes on in the process."""
    statements: list[tuple[str, Sequence[Any]]] = []

    def remember(*call: Any) -> None:
        if _own.get():
            statements.append((call[2], call[3]))

    run = Direct.all

    async def run_directly(self: Direct, statement: Statement, **values: Any) -> Sequence[Any]:
        if _own.get():
            statements.append((statement.text, statement.arguments(values)))
        return await run(self, statement, **values)

    token = _own.set(True)
    event.listen(engine.sync_engine, "before_cursor_execute", remember)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Direct, "all", run_directly)
            yield statements
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", remember)
        _own.reset(token)
