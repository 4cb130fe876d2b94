"""What every service promises about `Idempotency-Key`: each POST of a user with JSON honours it."""

import importlib
import inspect
from collections.abc import Iterator
from typing import Any, ClassVar

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from common.clock import utc_now
from common.http.dependencies import USER_SCHEME
from common.http.idempotency import HEADER, KeyInvalid
from common.http.routes import calls_of
from common.http.transactions import executor, transaction
from common.idempotency import Answer, KeyedRequest, KeyInUse, claim_key, keep_answer
from common.ids import new_id
from common.testing.keys import bearer, mint_user_token
from common.testing.operations import JSON, Operation, public_operations

_BODY = b"{}"


class IdempotencyConformance:
    """A new route that does not honour the key fails here."""

    # Auth says no: its answers hold secrets, which are not kept.
    keeps_answers: ClassVar[bool] = True

    @pytest.fixture
    def posts(self, app: FastAPI) -> list[Operation]:
        """The operations that take keys by their nature."""
        return [each for each in public_operations(app) if _takes_keys(each)]

    def test_posts_document_the_key_and_take_the_transaction_of_the_request(
        self, app: FastAPI, posts: list[Operation]
    ) -> None:
        named = [each.name for each in public_operations(app) if _documents_key(each)]
        assert named == ([each.name for each in posts] if self.keeps_answers else [])
        joining = set(_joining(app))
        for name in named:
            assert name in joining, f"{name} does not depend on common.http.transactions"

    def test_the_worker_forgets_answers(self, package: str, posts: list[Operation]) -> None:
        worker = inspect.getsource(importlib.import_module(f"{package}.worker"))
        assert ("answer_loops(" in worker) is bool(self.keeps_answers and posts)

    async def test_a_malformed_key_is_refused(
        self, client: httpx.AsyncClient, posts: list[Operation]
    ) -> None:
        headers = bearer(mint_user_token()) | {HEADER: "two words"}
        for operation in posts if self.keeps_answers else ():
            response = await client.post(operation.path(), headers=headers)
            assert (response.status_code, response.json()["code"]) == (422, KeyInvalid.code)

    async def test_a_key_that_is_in_use_is_a_conflict(
        self, client: httpx.AsyncClient, posts: list[Operation], resources: Any
    ) -> None:
        for operation in posts if self.keeps_answers else ():
            request, send = _request(operation, client)
            async with resources.platform.database.transaction() as session:
                assert await claim_key(session, request, now=utc_now()) is None
                response = await send
            assert (response.status_code, response.json()["code"]) == (409, KeyInUse.code)

    async def test_an_answer_that_was_kept_is_given_again_and_nothing_runs(
        self, client: httpx.AsyncClient, posts: list[Operation], resources: Any
    ) -> None:
        answer = Answer(299, [["location", "/there"]], b"as it was")
        for operation in posts if self.keeps_answers else ():
            request, send = _request(operation, client)
            async with resources.platform.database.transaction() as session:
                await keep_answer(session, request, answer, now=utc_now())
            response = await send
            assert (response.status_code, response.content) == (299, b"as it was")
            assert response.headers["location"] == "/there"


def _takes_keys(operation: Operation) -> bool:
    has_json = operation.body_properties() is not None
    return operation.method == "POST" and has_json and operation.needs(USER_SCHEME)


def _documents_key(operation: Operation) -> bool:
    return HEADER in [each["name"] for each in operation.document.get("parameters", ())]


def _joining(app: FastAPI) -> Iterator[str]:
    """Yield the names of the routes whose handlers join the transaction of their request."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and {transaction, executor} & set(calls_of(route.dependant)):
            yield route.name


def _request(operation: Operation, client: httpx.AsyncClient) -> tuple[KeyedRequest, Any]:
    """Return a request with a key of its own: as the service knows it, and how to send it."""
    caller, key, path = new_id(), str(new_id()), operation.path()
    keyed = KeyedRequest.of(
        caller_id=caller,
        route=f"POST {operation.template}",
        path=path,
        key=key,
        query=b"",
        body=_BODY,
    )
    headers = bearer(mint_user_token(caller)) | {HEADER: key, "Content-Type": JSON}
    return keyed, client.post(path, content=_BODY, headers=headers)
