"""`Idempotency-Key`: a POST that its caller sends again has one effect and one answer.

Answers are kept with what they say: a service whose answers hold secrets does not use this.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import Request, Response
from fastapi.params import Form
from prometheus_client import Counter

from common.clock import utc_now
from common.errors import AppError, Invalid
from common.http.dependencies import UserBearer, user_of
from common.http.metrics import route_template
from common.http.problem import app_error_problem
from common.http.routes import Handler, HotRoute, calls_of
from common.http.transactions import opened_transaction
from common.idempotency import Answer, KeyedRequest, claim_key, keep_answer

HEADER: Final = "Idempotency-Key"
LONGEST: Final = 255

_KEY: Final = re.compile(rf"[\x21-\x7e]{{1,{LONGEST}}}")
# What an answer says beside its body. A cookie could be a secret; the rest is of the connection.
_KEPT: Final = {
    "cache-control",
    "content-language",
    "content-location",
    "content-type",
    "etag",
    "last-modified",
    "link",
    "location",
    "retry-after",
}
_PARAMETER: Final = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Names this request among the caller's: sent again within 24 hours it has no "
    "second effect and gets the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[!-~]+$"},
}
_IN_USE: Final = "The request that came first with this Idempotency-Key is being answered."
_REUSED: Final = "The input is not valid, or its Idempotency-Key came with another request before."

REPLAYED = Counter("http_replayed_answers_total", "Answers given again for an Idempotency-Key.")


class KeyInvalid(Invalid):
    code = "common.idempotency_key_invalid"
    message = "An Idempotency-Key is 1 to 255 visible ASCII characters, and is sent once."


class IdempotentRoute(HotRoute):
    """The class of a router's routes (`route_class=`): its POSTs of users with JSON take keys.

    Such a request opens the transaction that the handler joins by `common.http.transactions`. A
    request without a key costs nothing; one that has a key must have a caller, too.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        if takes_keys(self):
            extra = self.openapi_extra or {}
            parameters = [*extra.get("parameters", ()), _PARAMETER]
            self.openapi_extra = {**extra, "parameters": parameters}
            own = self.responses.get(409, {}).get("description", "")
            self.responses = {
                **self.responses,
                409: {"description": f"{own} {_IN_USE}".strip()},
                422: {"description": _REUSED},
            }

    def get_route_handler(self) -> Handler:
        """Return the handler of a request, which looks for the key before anything else."""
        handle = super().get_route_handler()
        return _once(handle) if takes_keys(self) else handle


def takes_keys(route: HotRoute) -> bool:
    """Tell whether a route is a POST with a JSON body that speaks for a user."""
    body = route.body_field
    has_json = body is not None and not isinstance(body.field_info, Form)
    speaks_for_user = any(isinstance(call, UserBearer) for call in calls_of(route.dependant))
    return route.methods == {"POST"} and has_json and speaks_for_user


def _once(handle: Handler) -> Handler:
    async def handle_once(request: Request) -> Response:
        keys = request.headers.getlist(HEADER)
        if not keys:
            return await handle(request)
        keyed = await _keyed(request, keys)
        async with opened_transaction(request) as tx:
            kept = await claim_key(tx.session, keyed, now=utc_now())
            if kept is not None:
                REPLAYED.inc()
                return _response(kept)
            return await _run(handle(request), lambda r: _keep(tx.session, keyed, r))

    return handle_once


async def _run(
    handling: Awaitable[Response], keep: Callable[[Response], Awaitable[None]]
) -> Response:
    """Run the request; whatever is going to commit is kept, be it a refusal."""
    try:
        response = await handling
    except AppError as error:
        if error.commits:
            await keep(app_error_problem(error))
        raise
    await keep(response)
    return response


async def _keyed(request: Request, keys: list[str]) -> KeyedRequest:
    user = await user_of(request)
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise KeyInvalid
    return KeyedRequest.of(
        caller_id=user.id,
        route=f"{request.method} {route_template(request.scope)}",
        path=request.scope["path"],
        key=keys[0],
        query=request.scope["query_string"],
        body=await request.body(),
    )


async def _keep(session: Any, keyed: KeyedRequest, response: Response) -> None:
    headers = [[name, value] for name, value in response.headers.items() if name in _KEPT]
    answer = Answer(response.status_code, headers, bytes(response.body))
    await keep_answer(session, keyed, answer, now=utc_now())


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    for name, value in answer.headers:
        response.headers.append(name, value)
    return response
