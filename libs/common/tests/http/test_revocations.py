"""No token passes before the process knows which sessions have ended."""

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from common.errors import Unavailable
from common.http.app import build_app
from common.revocations import Watch
from common.settings import ServiceSettings
from common.testing.apps import client_of
from common.testing.conformance import assert_problem
from common.testing.keys import bearer, jwks, mint_user_token
from libs.common.tests.http.conftest import open_resources, router


def unheard(settings: ServiceSettings) -> FastAPI:
    """An app whose PostgreSQL has been away since before it started."""
    return build_app(
        service="echo", settings=settings, open_resources=open_resources, routers=[router]
    )


async def ask(client: httpx.AsyncClient) -> httpx.Response:
    return await client.get("/api/v1/me", headers=bearer(mint_user_token()))


async def test_a_process_that_never_read_its_table_accepts_no_token(
    settings: ServiceSettings,
) -> None:
    app = unheard(settings)
    with capture_logs() as logged:
        async with app.router.lifespan_context(app), client_of(app) as client:
            tokens = app.state.resources.platform.user_tokens
            tokens.use_keys(jwks())
            assert_problem(await client.get("/readyz"), 503)
            problem = assert_problem(await ask(client), 503)
            assert problem["code"] == "common.revocations_unknown"
            assert (await client.get("/api/v1/visitor")).status_code == 200
            assert (await client.get("/healthz")).status_code == 200
            tokens.revoke({})
            assert (await ask(client)).status_code == 200
    outages = [line["loop"] for line in logged if line["event"] == "turn_unavailable"]
    assert outages == ["watch_revocations"]


async def test_a_process_that_has_read_goes_on_when_it_cannot_read_any_more(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    with pytest.raises(Unavailable):
        await Watch(app.state.resources.platform).turn()
    assert (await ask(client)).status_code == 200
