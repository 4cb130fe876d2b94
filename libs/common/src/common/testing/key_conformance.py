"""What every service promises about personal access tokens: their scopes decide, and so does auth.

Each service keeps a copy of all of them, which this writes as a consumer would.
"""

import importlib.util
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_network
from typing import Any, ClassVar

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from common.clock import utc_now
from common.contracts import KeyIssued, KeyRevoked, UsernameChanged
from common.db.key_copies import copy_key, revoke_keys
from common.http.dependencies import USER_SCHEME, UserBearer
from common.http.routes import calls_of
from common.ids import new_id
from common.personal_keys.card import KeyCard
from common.personal_keys.format import digest_of, new_key
from common.place import EMPTY, Place
from common.revocations import Watch
from common.settings import ServiceSettings
from common.streams import forget_missing_keys, key_issued, key_revoked
from common.testing.apps import client_of, running
from common.testing.keys import bearer, mint_user_token
from common.testing.operations import Operation, public_operations

PROXIES = [ip_network("127.0.0.0/8")]

_SAFE = ("GET", "HEAD")


async def known_key(
    resources: Any, scopes: Sequence[str], *, life: timedelta = timedelta(days=1), **changes: Any
) -> tuple[str, KeyCard]:
    """Return a token that a service has heard of, and what it has heard."""
    token = new_key()
    known = {
        "key_id": new_id(),
        "account_id": new_id(),
        "username": "ada",
        "scopes": list(scopes),
        "expires_at": utc_now() + life,
    }
    card = KeyCard(**known | changes)
    async with resources.platform.database.transaction() as session:
        await copy_key(session, card, digest_of(token), EMPTY)
    return token, card


def session_routes(app: FastAPI) -> set[str]:
    """Return the names of the routes that take tokens of sessions alone."""
    routes = [context.original_route for context in iter_route_contexts(app.routes)]
    return {
        route.name
        for route in routes
        if isinstance(route, APIRoute)
        and any(
            isinstance(call, UserBearer) and not call.keys for call in calls_of(route.dependant)
        )
    }


class KeyConformance:
    """Personal access tokens: who takes them, for what, and until when."""

    # What a token needs to get past the routes that are not for everyone.
    scopes: ClassVar[str] = ""

    @pytest.mark.requirement("ASVS 8.2.1", "RFC 9700 2.3")
    async def test_a_personal_key_passes_where_its_scopes_allow(
        self, app: FastAPI, client: httpx.AsyncClient, resources: Any, service: str
    ) -> None:
        read, write, owner_id = f"{service}:read", f"{service}:write", new_id()
        tokens = {}
        for scope in (read, write, "elsewhere:read"):
            scopes = [scope, *self.scopes.split()]
            tokens[scope], _ = await known_key(resources, scopes, account_id=owner_id)
        only_sessions = session_routes(app)
        for operation in _protected(app):
            needed = read if operation.method in _SAFE else write
            session = mint_user_token(owner_id, scope=self.scopes)
            expected = (await _ask(client, operation, session)).status_code
            for scope, token in tokens.items():
                answer = await _ask(client, operation, token)
                if operation.name in only_sessions:
                    assert _code(answer) == (403, "common.session_required"), operation.name
                elif scope != needed:
                    assert _code(answer) == (403, "common.insufficient_scope"), operation.name
                    assert answer.headers["www-authenticate"].endswith('"insufficient_scope"')
                else:
                    assert answer.status_code == expected, (operation.name, answer.text)

    async def test_no_personal_key_passes_that_was_revoked_has_expired_or_is_unknown(
        self, app: FastAPI, client: httpx.AsyncClient, resources: Any, service: str
    ) -> None:
        scopes = [f"{service}:read", f"{service}:write"]
        revoked, card = await known_key(resources, scopes)
        # Before: the token is remembered.
        await resources.platform.personal_keys.verify(revoked)
        async with resources.platform.database.transaction() as session:
            await revoke_keys(session, [card.key_id], revoked_at=utc_now(), place=EMPTY)
        await Watch(resources.platform).turn()
        expired, _ = await known_key(resources, scopes, life=timedelta(0))
        for operation in _protected(app):
            for token in (revoked, expired, new_key()):
                answer = await _ask(client, operation, token)
                assert _code(answer) == (401, "common.invalid_token"), operation.name

    async def test_unknown_personal_keys_are_limited_by_network_and_known_ones_are_not(
        self, package: str, settings: ServiceSettings, resources: Any, service: str
    ) -> None:
        rates = {"limit_unknown_keys_per_network": ["3 per minute"], "trusted_proxies": PROXIES}
        create_app = importlib.import_module(f"{package}.app").create_app
        app = create_app(settings.model_copy(update=rates))
        operation = _protected(app)[0]
        known, _ = await known_key(resources, [f"{service}:read"])
        async with running(app), client_of(app) as client:
            codes = []
            for last in range(5):
                client.headers["X-Forwarded-For"] = f"203.0.113.{last}"
                codes.append(_code(await _ask(client, operation, new_key())))
            unknown, too_many = (401, "common.invalid_token"), (429, "common.too_many_unknown_keys")
            assert codes == [unknown] * 3 + [too_many] * 2
            assert _code(await _ask(client, operation, known)) not in (unknown, too_many)
            client.headers["X-Forwarded-For"] = "198.51.100.1"
            assert _code(await _ask(client, operation, new_key())) == unknown

    async def test_no_older_event_brings_a_personal_key_back(self, resources: Any) -> None:
        token, card = await known_key(resources, ["posts:read"])
        for place, scopes in ((Place(1, 5), ["posts:write"]), (Place(1, 4), ["posts:read"])):
            async with resources.platform.database.transaction() as session:
                changed = card.model_copy(update={"scopes": scopes})
                await copy_key(session, changed, digest_of(token), place)
        user = await resources.platform.personal_keys.verify(token)
        assert user.scope == {"posts:write"}

    def test_personal_keys_are_heard_of(self, package: str) -> None:
        if not consumes(package):
            return  # Who issues them writes its copy itself.
        consumers = importlib.import_module(f"{package}.consumers")
        assert consumers.HANDLERS[KeyRevoked] is key_revoked
        assert {KeyIssued, UsernameChanged} <= consumers.HANDLERS.keys()
        copy = consumers.COPIES[KeyIssued]
        # Rebuilt from what is, a copy mails nobody.
        assert (copy.apply, copy.forget) == (key_issued, forget_missing_keys)


def consumes(package: str) -> bool:
    """Tell whether a service hears of others: all do but the one that knows who somebody is."""
    return importlib.util.find_spec(f"{package}.consumers") is not None


def _protected(app: FastAPI) -> list[Operation]:
    return [each for each in public_operations(app) if each.needs(USER_SCHEME)]


async def _ask(client: httpx.AsyncClient, operation: Operation, token: str) -> httpx.Response:
    return await client.request(operation.method, operation.path(), headers=bearer(token))


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")
