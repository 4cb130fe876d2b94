"""What every service promises about its transactions: they end before their answers begin."""

from collections.abc import Iterator
from inspect import isasyncgenfunction, isgeneratorfunction

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts


class CommitConformance:
    """An answer is sent only after the commit: a failing commit is never a 2xx."""

    @pytest.mark.requirement("ASVS 2.3.3")
    async def test_what_a_request_opens_is_closed_before_the_answer(self, app: FastAPI) -> None:
        opened = list(_opened(app))
        assert all(scope == "function" for _, scope in opened), opened


def _opened(app: FastAPI) -> Iterator[tuple[str, str | None]]:
    """Yield the dependencies that open something, as "route: dependency", and their scopes."""
    for context in iter_route_contexts(app.routes):
        if not isinstance(context.original_route, APIRoute):
            continue
        pending = [context.original_route.dependant]
        while pending:
            dependant = pending.pop()
            pending += dependant.dependencies
            call = dependant.call
            if isasyncgenfunction(call) or isgeneratorfunction(call):
                yield f"{context.original_route.name}: {call.__name__}", dependant.scope
