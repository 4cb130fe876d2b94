"""A commit that fails is never a 2xx, because it comes before the answer."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
import pytest_asyncio
from fastapi import APIRouter, Depends, FastAPI, Request
from sqlalchemy import text

from common.http.app import build_app
from common.settings import ServiceSettings
from common.testing.apps import client_of, running, settings_values
from libs.common.tests.http.conftest import open_resources

router = APIRouter()


async def session(request: Request) -> AsyncIterator[Any]:
    async with request.app.state.resources.platform.database.transaction() as opened:
        yield opened


@router.post("/pairs/{second}")
async def create_pair(
    second: int, opened: Annotated[Any, Depends(session, scope="function")]
) -> dict[str, int]:
    # The constraint is deferred: only the commit finds out.
    await opened.execute(
        text("INSERT INTO pg_temp.pairs VALUES (1), (:second)").bindparams(second=second)
    )
    return {"second": second}


@pytest_asyncio.fixture
async def committing_app(postgres_server: str) -> AsyncIterator[FastAPI]:
    settings = ServiceSettings(
        **settings_values(
            "echo",
            database_url=postgres_server,
            streams_url="redis://127.0.0.1:1/0",
            peers=["echo"],
            # One connection, so that its temporary table is there for the request.
            database_pool_size=1,
        )
    )
    app = build_app(
        service="echo", settings=settings, open_resources=open_resources, routers=[router]
    )
    async with running(app) as started:
        yield started


@pytest.mark.requirement("ASVS 2.3.3")
async def test_a_failing_commit_is_never_a_success(committing_app: FastAPI) -> None:
    database = committing_app.state.resources.platform.database
    async with database.transaction() as opened:
        await opened.execute(
            text("CREATE TEMP TABLE pairs (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        )
    async with client_of(committing_app) as client:
        assert (await client.post("/pairs/2")).status_code == 200
        response = await client.post("/pairs/3")
    assert (response.status_code, response.json()["code"]) == (500, "common.internal_error")
