"""Every kind of caller asks for each route, and gets what the service's table decides.

A route of the OpenAPI documents that stands there nowhere fails, and so does one that no document
shows.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from common.clock import utc_now
from common.db.revocations import add_revocations
from common.ids import new_id
from common.revocations import Watch
from common.testing.conformance import assert_problem
from common.testing.decisions import CALLERS, TABLE, Caller, documented_names, read_table
from common.testing.key_conformance import known_key
from common.testing.keys import bearer, mint_internal_token, mint_user_token
from common.testing.operations import Operation, internal_operations, public_operations

# What no document shows, of every service: probes, documents, and pages for the gateway.
PLATFORM: Final = {
    "get_health",
    "get_readiness",
    "get_metrics",
    "get_problem",
    "show_docs",
    "get_docs_asset",
    "get_openapi_document",
}

type Values = Mapping[str, str]


async def _nothing(operation: Operation) -> Values:
    del operation
    return {}


@dataclass(frozen=True, slots=True)
class Stage:
    """What a test asks: the app, everybody's tokens, and what they ask for.

    Attributes:
        folder: The service's.
        app: Its app.
        client: A client of it.
        tokens: Everybody's but nobody's.
        things: Makes what a route is about, of `user`, and returns the values of the path to it.
        bodies: What routes need to do something, by their names.
    """

    folder: Path
    app: FastAPI
    client: httpx.AsyncClient
    tokens: Mapping[Caller, str]
    things: Callable[[Operation], Awaitable[Values]] = _nothing
    bodies: Mapping[str, Any] = field(default_factory=dict)

    async def check(self, name: str) -> None:
        """Let everybody call a route; whoever gets something else than is decided fails.

        Whoever is served may still be told that there is no such thing, or that the body is wrong;
        but `user` gets what is refused to others.
        """
        decision = read_table(self.folder).routes.get(name)
        assert decision is not None, f"{name} needs a decision in {self.folder}/tests/{TABLE}"
        operation = self._operation(name)
        for caller in CALLERS:
            answer = await self._ask(operation, caller)
            where = f"{caller} calls {name}: {answer.status_code} {answer.text[:200]}"
            refusal = decision.refusal(caller)
            if refusal is None:
                assert answer.status_code not in (401, 403), where
                assert answer.is_success or caller != "user" or not decision.others, where
            else:
                assert assert_problem(answer)["code"] == refusal, where

    async def _ask(self, operation: Operation, caller: Caller) -> httpx.Response:
        token = self.tokens.get(caller)
        return await self.client.request(
            operation.method,
            operation.path(**(await self.things(operation))),
            json=self.bodies.get(operation.name),
            headers=bearer(token) if token else {},
        )

    def _operation(self, name: str) -> Operation:
        return next(each for each in _operations(self.app) if each.name == name)


@cache
def _operations(app: FastAPI) -> tuple[Operation, ...]:
    """Return what the documents of an app tell, which takes longer than all of its callers."""
    return (*public_operations(app), *internal_operations(app))


def check_complete(app: FastAPI, folder: Path) -> None:
    """Fail unless the table decides about all routes, and about no others."""
    table = read_table(folder)
    routes = [context.original_route for context in iter_route_contexts(app.routes)]
    names = {route.name for route in routes if isinstance(route, APIRoute)}
    documented = set(documented_names(folder))
    assert table.routes.keys() == documented
    assert names - documented - PLATFORM == {*table.hidden}


async def everybodys_tokens(
    resources: Any, service: str, user_id: UUID | None = None
) -> dict[Caller, str]:
    """Return tokens of all callers, for a service that knows people by these alone.

    Args:
        resources: Of the service.
        service: Its name.
        user_id: Whose the things are; somebody's without.
    """
    owner_id, ended = user_id or new_id(), new_id()
    async with resources.platform.database.transaction() as session:
        await add_revocations(session, [ended], expires_at=utc_now() + timedelta(minutes=10))
    await Watch(resources.platform).turn()
    scopes = [f"{service}:read", f"{service}:write"]
    personal, _ = await known_key(resources, scopes, account_id=owner_id)
    scopeless, _ = await known_key(resources, ["elsewhere:read"], account_id=owner_id)
    peer = next(name for name in resources.platform.settings.peers if name != service)
    return {
        "service": mint_internal_token(peer, service),
        "expired": mint_user_token(owner_id, expires_in=-3600),
        "revoked": mint_user_token(owner_id, sid=str(ended)),
        "scopeless": scopeless,
        "other": mint_user_token(username="grace"),
        "moderator": mint_user_token(username="moderator", roles=["moderator"]),
        "support": mint_user_token(username="support", roles=["support"]),
        "admin": mint_user_token(username="admin", roles=["admin"]),
        "personal": personal,
        "impersonator": mint_user_token(owner_id, act={"sub": str(new_id())}),
        "user": mint_user_token(owner_id),
    }
