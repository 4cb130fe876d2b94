"""What every service promises, whatever it is for. A service's test_conformance.py inherits it."""

import base64
import importlib
import inspect
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from joserfc import jwt
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry
from pydantic import SecretStr, ValidationError
from pydantic_core import PydanticUndefined

from common.clock import utc_now
from common.contracts import SessionsRevoked
from common.db.revocations import add_revocations
from common.http.dependencies import INTERNAL_SCHEME, USER_SCHEME
from common.http.openapi import (
    INTERNAL_FILE,
    PUBLIC_FILE,
    internal_document,
    public_document,
    rendered,
)
from common.http.pagination import encode_cursor
from common.http.problem import MEDIA_TYPE
from common.http.routes import calls_of
from common.ids import new_id
from common.personal_keys.format import new_key
from common.revocations import Watch
from common.settings import ServiceSettings
from common.streams import sessions_revoked
from common.testing.answers import AnswerConformance
from common.testing.apps import client_of
from common.testing.commits import CommitConformance
from common.testing.fuzzing import FuzzConformance
from common.testing.idempotency import IdempotencyConformance
from common.testing.key_conformance import KeyConformance, consumes
from common.testing.keys import (
    SIGNING,
    bearer,
    jwks,
    key_of,
    mint_internal_token,
    mint_user_token,
    public_pem,
)
from common.testing.migrations import MigrationConformance
from common.testing.operations import JSON, Operation, internal_operations, public_operations

MEMBERS = {"type", "title", "status", "detail", "code", "errors", "request_id"}

# Bodies that no schema may ever see, and the code of the refusal.
HOSTILE_BODIES = {
    "malformed": (b'{"a": ', "common.malformed_json"),
    "100,000 brackets": (b"[" * 100_000, "common.malformed_json"),
    "NaN": (b'{"a": NaN}', "common.malformed_json"),
    "NUL in a string": (b'{"a": ["x\\u0000"]}', "common.invalid_text"),
    "NUL in a name": (b'{"\\u0000": 1}', "common.invalid_text"),
    "a lone surrogate": (b'{"a": "\\ud800"}', "common.invalid_text"),
    "a lone surrogate in a name": (b'{"\\udfff": 1}', "common.invalid_text"),
    "invalid UTF-8": (b'{"a": "\xff"}', "common.invalid_text"),
    "a member twice": (b'{"a": 1, "b": "\\":", "a" : 1}', "common.duplicate_member"),
    "a member twice, inside": (b'[{"a": {"\\u0062": 1, "b": 2}}]', "common.duplicate_member"),
    "65 bits": (b'{"a": 36893488147419103232}', "common.number_out_of_range"),
    "5,000 digits": (b'{"a": ' + b"9" * 5000 + b"}", "common.number_out_of_range"),
}
WRONG_VALUES: list[Any] = [
    None,
    7,
    -1,
    2**62,
    "",
    "\u202e\U0001f600",
    [],
    {},
    [[]],
    True,
    "x" * 100_000,
]
# What a key's id becomes when somebody looks it up in files, statements or shells (RFC 8725, 3.10).
INJECTED_KEYS = (
    "",
    "../../../../dev/null",
    "x' UNION SELECT 'key' --",
    "x\u0000",
    "|id",
    "k" * 4096,
)
HOSTILE_PATHS = ["%00", "a%00b", "%ff", "%ed%a0%80", "%c0%ae"]
IDENTITY_HEADERS = {
    "X-User-Id": "01900000-0000-7000-8000-000000000000",
    "X-User": "root",
    "X-Forwarded-User": "root",
    "X-Authenticated-User": "root",
    "X-Roles": "admin",
    "Remote-User": "root",
}


def bad_user_tokens(service: str) -> dict[str, str]:
    """Return tokens that must never speak for a user, by what is wrong with them."""
    kid = key_of(SIGNING).kid
    confused = {"alg": "HS256", "typ": "at+jwt", "kid": kid}
    with_public_key = OctKey.import_key(base64.urlsafe_b64encode(public_pem(SIGNING).encode()))
    header: dict[str, Any] = {"alg": "ES256", "typ": "at+jwt", "kid": kid}
    good = mint_user_token()
    return {
        "garbage": "x.y.z",
        "forged": mint_user_token(signer="somebody else", header={"kid": kid}),
        "changed": good[:-6] + ("AAAAAA" if not good.endswith("AAAAAA") else "BBBBBB"),
        "of an unknown key": mint_user_token(signer="somebody else"),
        "expired": mint_user_token(expires_in=-3600),
        "not valid yet": mint_user_token(nbf=int(time.time()) + 3600),
        "alg none": f"{_signed(good, {**header, 'alg': 'none'}).rpartition('.')[0]}.",
        "HS256 with the public key": jwt.encode(confused, {"sub": "x"}, with_public_key, ["HS256"]),
        "HS384 with the public key": jwt.encode(
            {**confused, "alg": "HS384"}, {"sub": "x"}, with_public_key, ["HS384"]
        ),
        "under another algorithm": _signed(good, {**header, "alg": "Ed25519"}),
        "of another type": mint_user_token(header={"typ": "JWT"}),
        "without a type": _signed(good, {"alg": "ES256", "kid": kid}),
        "with keys elsewhere": mint_user_token(header={"jku": "https://evil.example/jwks.json"}),
        "with a certificate elsewhere": mint_user_token(header={"x5u": "https://evil.example/x"}),
        "with its own key": mint_user_token(
            signer="somebody else",
            header={"kid": kid, "jwk": key_of("somebody else").as_dict(private=False)},
        ),
        "with critical extensions": _signed(good, {**header, "crit": ["exp"], "exp": 1}),
        **{
            f"of the key {str(injected)[:20]!r}": _signed(good, {**header, "kid": injected})
            for injected in (*INJECTED_KEYS, None, 7, ["x"], {"x": 1})
        },
        "of another issuer": mint_user_token(iss="https://evil.example"),
        "for another audience": mint_user_token(aud="another"),
        "for nobody": mint_user_token(sub="not a uuid"),
        "internal": mint_internal_token(service, service),
        "a personal key with a typing error": new_key()[:-1] + "-",
        "a personal key with another checksum": new_key()[:-6] + new_key()[-6:],
        "the beginning of a personal key": "clnd_pat_",
    }


def bad_internal_tokens(service: str, other: str) -> dict[str, str]:
    """Return tokens that must never pass for a service's, by what is wrong with them."""
    return {
        "a user's": mint_user_token(),
        "a personal key": new_key(),
        "for another service": mint_internal_token(other, "another"),
        "of a stranger": mint_internal_token("stranger", service),
        "under a false name": mint_internal_token(service, service, iss=other),
        "expired": mint_internal_token(other, service, expires_in=-3600),
        "not valid yet": mint_internal_token(other, service, nbf=int(time.time()) + 3600),
        "too long-lived": mint_internal_token(other, service, expires_in=3600),
    }


def _signed(token: str, header: dict[str, Any]) -> str:
    """Return the token under another header, which the real key signs whatever it says."""
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    content = f"{encoded}.{token.split('.')[1]}"
    signature = JWSRegistry.algorithms["ES256"].sign(content.encode(), key_of(SIGNING))
    return f"{content}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def assert_problem(response: httpx.Response, status: int | None = None) -> dict[str, Any]:
    """Return the problem document of an answer that must be one, of this status if given."""
    __tracebackhide__ = True
    where = f"{response.request.method} {response.request.url}: {response.status_code}"
    assert 400 <= response.status_code < 500 or response.status_code == 503, where
    assert status in (None, response.status_code), where
    assert response.headers["content-type"] == MEDIA_TYPE, where
    document: dict[str, Any] = response.json()
    assert set(document) == MEMBERS, where
    assert document["status"] == response.status_code
    assert document["request_id"] == response.headers["X-Request-ID"]
    assert document["code"].count(".") == 1
    return document


class HttpConformance:
    """Probes, error shapes and hostile input."""

    # What a token needs to get past the routes that are not for everyone.
    scopes: ClassVar[str] = ""

    async def test_probes_answer(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/healthz")).json() == {"status": "alive"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}

    async def test_an_unknown_path_is_a_problem(self, client: httpx.AsyncClient) -> None:
        problem = assert_problem(await client.get("/api/v1/no/such/path"), 404)
        assert problem["code"] == "common.route_not_found"

    async def test_a_method_that_is_not_allowed_is_a_problem(
        self, client: httpx.AsyncClient
    ) -> None:
        response = await client.delete("/healthz")
        assert assert_problem(response, 405)["code"] == "common.method_not_allowed"
        assert response.headers["allow"] == "GET"

    async def test_head_answers_as_get_does_without_the_body(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        headers = bearer(mint_user_token())
        paths = [each.path() for each in public_operations(app) if each.method == "GET"]
        for path in ("/healthz", "/docs", "/docs/docs.js", *paths):
            full = await client.get(path, headers=headers)
            head = await client.head(path, headers=headers)
            assert head.content == b"", path
            assert (head.status_code, _shape(head)) == (full.status_code, _shape(full)), path

    @pytest.mark.requirement("RFC 9700 4.2", "RFC 9700 4.16")
    async def test_every_answer_carries_security_headers_and_a_request_id(
        self, client: httpx.AsyncClient, settings: ServiceSettings
    ) -> None:
        for path in ("/healthz", "/no/such/path"):
            response = await client.get(path, headers={"X-Request-ID": "from-the-client"})
            assert settings.security_headers.items() <= _titled(response, settings).items()
            assert response.headers["x-request-id"] == "from-the-client"

    async def test_a_malformed_request_id_is_replaced(self, client: httpx.AsyncClient) -> None:
        for malformed in ("", "a b", "x" * 129, "{}"):
            response = await client.get("/healthz", headers={"X-Request-ID": malformed})
            assert len(response.headers["x-request-id"]) == 36

    @pytest.mark.parametrize("kind", HOSTILE_BODIES)
    @pytest.mark.requirement("ASVS 2.2.1", "ASVS 2.2.2")
    async def test_a_hostile_body_is_refused_everywhere(
        self, app: FastAPI, client: httpx.AsyncClient, kind: str
    ) -> None:
        body, code = HOSTILE_BODIES[kind]
        headers = {"Content-Type": JSON, **bearer(mint_user_token())}
        for operation in public_operations(app):
            if operation.body_properties() is not None:
                response = await client.request(
                    operation.method, operation.path(), content=body, headers=headers
                )
                assert assert_problem(response, 422)["code"] == code

    @pytest.mark.requirement("ASVS 2.2.1")
    async def test_wrong_values_in_a_body_are_no_server_error(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        headers = bearer(mint_user_token())
        for operation in public_operations(app):
            for name in operation.body_properties() or ():
                for value in WRONG_VALUES:
                    response = await client.request(
                        operation.method, operation.path(), json={name: value}, headers=headers
                    )
                    if response.status_code >= 400:
                        assert_problem(response)

    async def test_a_body_that_is_too_large_is_refused(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(32):
                yield b" " * 65_536

        for operation in public_operations(app):
            if operation.body_properties() is not None:
                for content in (b" " * 2_000_000, chunks()):
                    response = await client.request(
                        operation.method, operation.path(), content=content
                    )
                    assert assert_problem(response, 413)["code"] == "common.body_too_large"

    @pytest.mark.parametrize("text", HOSTILE_PATHS)
    async def test_hostile_text_in_path_and_query_is_refused(
        self, app: FastAPI, client: httpx.AsyncClient, text: str
    ) -> None:
        for operation in public_operations(app):
            path = operation.path("PLACEHOLDER").replace("PLACEHOLDER", text)
            response = await client.request(operation.method, f"{path}?q={text}")
            assert assert_problem(response, 422)["code"] == "common.invalid_text"

    async def test_strange_text_in_a_path_is_no_server_error(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        headers = bearer(mint_user_token())
        for operation in public_operations(app):
            for text in ("\u202e", "x" * 5000, "%00", "' OR 1=1 --", "../..", "\U0001f600"):
                response = await client.request(
                    operation.method, operation.path(text), headers=headers
                )
                if response.status_code >= 400:
                    assert_problem(response)

    async def test_a_cursor_from_elsewhere_is_refused(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        headers = bearer(mint_user_token(scope=self.scopes))
        for operation in public_operations(app):
            if not operation.takes("cursor"):
                continue
            for cursor in (encode_cursor("no such list", (1,)), "!", "e30", "bnVsbA", "x" * 400):
                response = await client.request(
                    operation.method, operation.path(), params={"cursor": cursor}, headers=headers
                )
                problem = assert_problem(response)
                # A list below an unknown id may refuse the id before the cursor.
                if "{" not in operation.template:
                    assert problem["code"] == "common.invalid_cursor"

    def test_no_function_of_a_route_costs_a_thread(self, app: FastAPI) -> None:
        for context in iter_route_contexts(app.routes):
            route = context.original_route
            if isinstance(route, APIRoute):
                for call in calls_of(route.dependant):
                    called = call if inspect.isroutine(call) else type(call).__call__
                    kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
                    assert any(each(called) for each in kinds), f"{route.name}: {call} is sync"

    async def test_metrics_name_routes_and_never_paths(self, client: httpx.AsyncClient) -> None:
        await client.get("/no/such/path")
        text = (await client.get("/metrics")).text
        assert 'http_requests_total{method="GET",route="unmatched",status="404"}' in text
        assert "http_request_seconds_bucket" in text
        assert "/no/such/path" not in text

    async def test_the_gateway_gets_its_error_pages(self, client: httpx.AsyncClient) -> None:
        for status, code in ((404, "route_not_found"), (502, "bad_gateway")):
            page = await client.get(f"/problem/{status}")
            assert (page.status_code, page.headers["content-type"]) == (200, MEDIA_TYPE)
            assert (page.json()["status"], page.json()["code"]) == (status, f"common.{code}")
        assert_problem(await client.get("/problem/200"), 404)


class IdentityConformance:
    """Who may call what: tokens alone say who somebody is."""

    @pytest.mark.requirement(
        "ASVS 7.2.1",
        "ASVS 9.1.1",
        "ASVS 9.1.2",
        "ASVS 9.1.3",
        "ASVS 9.2.1",
        "ASVS 9.2.2",
        "ASVS 9.2.3",
        "RFC 8725 3.8",
        "RFC 8725 3.9",
        "RFC 8725 3.10",
        "RFC 8725 3.11",
        "RFC 8725 3.12",
    )
    async def test_no_bad_token_passes_for_a_user(
        self, app: FastAPI, client: httpx.AsyncClient, service: str
    ) -> None:
        for operation in public_operations(app):
            if operation.needs(USER_SCHEME):
                for flaw, token in bad_user_tokens(service).items():
                    response = await client.request(
                        operation.method, operation.path(), headers=bearer(token)
                    )
                    problem = assert_problem(response, 401)
                    assert problem["code"] == "common.invalid_token", flaw
                    assert response.headers["www-authenticate"].startswith("Bearer")

    @pytest.mark.requirement("ASVS 9.2.2", "ASVS 9.2.3", "RFC 8725 3.12", "RFC 9700 4.9")
    async def test_internal_routes_take_tokens_of_services_only(
        self, app: FastAPI, client: httpx.AsyncClient, service: str, settings: ServiceSettings
    ) -> None:
        other = next(name for name in settings.peers if name != service)
        for operation in internal_operations(app):
            assert operation.needs(INTERNAL_SCHEME), operation.name
            assert not operation.needs(USER_SCHEME), operation.name
            path = operation.path()
            assert_problem(await client.request(operation.method, path), 401)
            for token in bad_internal_tokens(service, other).values():
                response = await client.request(operation.method, path, headers=bearer(token))
                assert assert_problem(response, 401)["code"] == "common.invalid_token"

    @pytest.mark.requirement("ASVS 9.2.2")
    async def test_public_routes_take_no_tokens_of_services(self, app: FastAPI) -> None:
        for operation in public_operations(app):
            assert not operation.needs(INTERNAL_SCHEME), operation.name

    @pytest.mark.requirement("ASVS 7.4.1", "NIST 800-63B-4 4.5")
    async def test_no_token_of_a_revoked_session_passes(
        self, app: FastAPI, client: httpx.AsyncClient, resources: Any
    ) -> None:
        session_id, user_id = new_id(), new_id()
        headers = bearer(mint_user_token(user_id, sid=str(session_id)))
        others = bearer(mint_user_token(user_id))
        protected = [each for each in public_operations(app) if each.needs(USER_SCHEME)]
        # Before: the token is remembered as valid.
        before = [await _status(client, operation, headers) for operation in protected]
        async with resources.platform.database.transaction() as session:
            until = utc_now() + timedelta(minutes=10)
            await add_revocations(session, [session_id], expires_at=until)
        await Watch(resources.platform).turn()
        for operation, status in zip(protected, before, strict=True):
            response = await client.request(operation.method, operation.path(), headers=headers)
            assert assert_problem(response, 401)["code"] == "common.invalid_token", operation.name
            assert await _status(client, operation, others) == status, operation.name

    async def test_a_new_process_refuses_revoked_sessions_from_its_first_request(
        self, package: str, settings: ServiceSettings, resources: Any
    ) -> None:
        session_id = new_id()
        async with resources.platform.database.transaction() as session:
            until = utc_now() + timedelta(minutes=10)
            await add_revocations(session, [session_id], expires_at=until)
        fresh = importlib.import_module(f"{package}.app").create_app(settings)
        operation = next(each for each in public_operations(fresh) if each.needs(USER_SCHEME))
        async with fresh.router.lifespan_context(fresh), client_of(fresh) as client:
            fresh.state.resources.platform.user_tokens.use_keys(jwks())
            headers = bearer(mint_user_token(sid=str(session_id)))
            assert await _status(client, operation, headers) == 401
            assert await _status(client, operation, bearer(mint_user_token())) != 401

    def test_the_end_of_sessions_is_heard_of(self, package: str) -> None:
        if consumes(package):
            handlers = importlib.import_module(f"{package}.consumers").HANDLERS
            assert handlers[SessionsRevoked] is sessions_revoked
        worker = inspect.getsource(importlib.import_module(f"{package}.worker"))
        assert "revocation_loops(" in worker

    @pytest.mark.requirement("ASVS 4.1.3", "ASVS 8.3.1", "RFC 9700 4.13")
    async def test_identity_headers_mean_nothing(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        for operation in (*public_operations(app), *internal_operations(app)):
            path = operation.path()
            plain = await client.request(operation.method, path)
            claimed = await client.request(operation.method, path, headers=IDENTITY_HEADERS)
            assert claimed.status_code == plain.status_code, operation.name


class DocumentConformance:
    """OpenAPI and settings: what others read instead of the code."""

    @pytest.mark.requirement("ASVS 2.1.1", "ASVS 8.1.2")
    async def test_the_committed_documents_are_current(self, app: FastAPI, package: str) -> None:
        folder = service_folder(package)
        hint = f"run: python -m common.http.openapi {package} services/{folder.name}"
        expected = rendered(public_document(app))
        assert (folder / PUBLIC_FILE).read_text(encoding="utf-8") == expected, hint
        internal = internal_document(app)
        if internal["paths"]:
            committed = (folder / INTERNAL_FILE).read_text(encoding="utf-8")
            assert committed == rendered(internal), hint

    async def test_the_document_is_served(
        self, client: httpx.AsyncClient, app: FastAPI, service: str
    ) -> None:
        response = await client.get(f"/api/v1/{service}/openapi.json")
        assert response.text == rendered(public_document(app))

    async def test_operations_are_named_verb_noun_and_document_problems(self, app: FastAPI) -> None:
        operations = (*public_operations(app), *internal_operations(app))
        names = [operation.name for operation in operations]
        assert len(set(names)) == len(names)
        for operation in operations:
            assert "_" in operation.name, f"{operation.name} is no verb_noun"
            content = operation.document["responses"]["default"]["content"]
            assert content[MEDIA_TYPE]["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert "HTTPValidationError" not in json.dumps(operation.document)

    async def test_docs_work_offline(
        self, client: httpx.AsyncClient, settings: ServiceSettings
    ) -> None:
        page = await client.get("/docs")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert "http" not in page.text.replace('<html lang="en">', "")
        for name in settings.peers:
            assert f"/api/v1/{name}/openapi.json" in page.text
        for asset in ("docs.js", "docs.css", "swagger-ui.css", "swagger-ui-bundle.js"):
            assert (await client.get(f"/docs/{asset}")).status_code == 200

    def test_settings_are_described_frozen_and_secrets_have_no_default(
        self, settings: ServiceSettings, service: str
    ) -> None:
        settings_type = type(settings)
        assert settings_type.model_config.get("frozen") is True
        assert settings_type.model_config.get("env_prefix") == f"{service.upper()}_"
        for name, field in settings_type.model_fields.items():
            assert field.description, f"{name} has no description"
            if field.annotation is SecretStr:
                assert field.default is PydanticUndefined, f"{name} has a default"

    def test_settings_that_are_wrong_show_no_others(self, settings: ServiceSettings) -> None:
        with pytest.raises(ValidationError) as caught:
            type(settings)(database_url="hunter2", port="hunter3")
        assert "hunter" not in str(caught.value)


class Conformance(
    HttpConformance,
    AnswerConformance,
    IdentityConformance,
    CommitConformance,
    IdempotencyConformance,
    KeyConformance,
    DocumentConformance,
    MigrationConformance,
    FuzzConformance,
):
    """All of it; a service inherits this one."""


def service_folder(package: str) -> Path:
    """Return the folder of a service in the repository."""
    return Path(str(importlib.import_module(package).__file__)).parents[2]


async def _status(client: httpx.AsyncClient, operation: Operation, headers: dict[str, str]) -> int:
    response = await client.request(operation.method, operation.path(), headers=headers)
    return response.status_code


def _shape(response: httpx.Response) -> dict[str, str]:
    """Return the headers that say what the answer is, and not which answer it is."""
    return {name: value for name, value in response.headers.items() if name != "x-request-id"}


def _titled(response: httpx.Response, settings: ServiceSettings) -> dict[str, str]:
    return {name: response.headers.get(name, "") for name in settings.security_headers}
