"""What surrounds the routes of every app: identity, CORS, documents, traces."""

import json

import httpx
import pytest
from fastapi import FastAPI

from common import logs
from common.http.app import build_app
from common.http.openapi import internal_document, public_document
from common.ids import new_id
from common.settings import LogSettings, ServiceSettings
from common.testing.apps import client_of, running
from common.testing.keys import bearer, mint_internal_token, mint_user_token
from libs.common.tests.http.conftest import open_resources, router


async def test_a_token_says_who_calls(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/me", headers=bearer(mint_user_token(username="grace")))
    assert response.json() == {"username": "grace"}
    assert (await client.get("/api/v1/me")).status_code == 401
    assert (await client.get("/api/v1/me")).headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/visitor"])
@pytest.mark.usefixtures("restored_logging")
async def test_the_log_names_who_acts_for_somebody_else(
    settings: ServiceSettings, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    # An app of its own: it looks for where to log to once.
    logs.configure(LogSettings(log_level="info"), "echo")
    app = build_app(
        service="echo", settings=settings, open_resources=open_resources, routers=[router]
    )
    helper = str(new_id())
    async with running(app) as started, client_of(started) as client:
        for token in (mint_user_token(act={"sub": helper}), mint_user_token()):
            for method in ("GET", "HEAD"):
                await client.request(method, path, headers=bearer(token))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    answered = [line.get("impersonator") for line in lines if line["event"] == "request_answered"]
    assert answered == [helper, helper, None, None]


async def test_an_optional_token_may_be_absent_but_not_bad(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/visitor")).json() == {"username": None}
    for header in ("Bearer x.y.z", "Basic eDp5", "Bearer"):
        response = await client.get("/api/v1/visitor", headers={"Authorization": header})
        assert response.status_code == 401, header


async def test_a_service_is_known_by_its_own_token(client: httpx.AsyncClient) -> None:
    token = mint_internal_token("other", "echo")
    response = await client.get("/internal/caller", headers=bearer(token))
    assert response.json() == {"caller": "other"}


async def test_only_listed_origins_may_call_from_a_browser(client: httpx.AsyncClient) -> None:
    for origin, allowed in (("https://app.example", True), ("https://evil.example", False)):
        response = await client.get("/healthz", headers={"Origin": origin})
        assert ("access-control-allow-origin" in response.headers) is allowed


async def test_internal_routes_stay_out_of_the_public_document(app: FastAPI) -> None:
    public, internal = public_document(app), internal_document(app)
    assert set(internal["paths"]) == {"/internal/caller"}
    assert not any(path.startswith("/internal") for path in public["paths"])
    assert set(public["components"]["securitySchemes"]) == {"user"}
    assert set(internal["components"]["securitySchemes"]) == {"internal"}
    assert "HTTPValidationError" not in public["components"]["schemas"]


async def test_docs_show_every_service(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert "/api/v1/other/openapi.json" in page.text
    assert 'value="/api/v1/echo/openapi.json" selected' in page.text
    assert (await client.get("/docs/swagger-ui-bundle.js")).status_code == 200
    assert (await client.get("/docs/..%2f..%2fapp.py")).status_code == 404


async def test_metrics_carry_the_template_with_its_prefix(client: httpx.AsyncClient) -> None:
    await client.get("/api/v1/notes/5")
    text = (await client.get("/metrics")).text
    assert 'route="/api/v1/notes/{number}"' in text
