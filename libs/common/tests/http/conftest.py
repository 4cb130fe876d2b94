"""An app of no service: routes for every mechanism, and no server behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter, FastAPI, Query, Response
from pydantic import BaseModel, Field

from common.errors import Conflict, Invalid, RateLimited
from common.http.app import build_app
from common.http.dependencies import CurrentCaller, CurrentUser, OptionalUser, Pagination
from common.http.etag import Conditions, etag, tag_headers
from common.http.pagination import Page
from common.platform import Platform, open_platform
from common.settings import ServiceSettings
from common.testing.apps import client_of, running, settings_values

router = APIRouter(prefix="/api/v1")
internal = APIRouter(prefix="/internal")


class Note(BaseModel):
    text: str = Field(max_length=20)
    count: int = 0
    more: Any = None


class TextRefused(Invalid):
    code = "echo.text_refused"
    message = "The text {text} is refused."


class Version(NamedTuple):
    document: dict[str, int]
    version: tuple[int]


@router.post("/notes")
async def create_note(body: Note) -> Note:
    if body.text == "refuse":
        raise TextRefused(field="text", text="itself")
    return body


@router.get("/notes")
async def list_notes(pages: Pagination) -> Page[int]:
    after = pages.after("notes", int)
    first = after[0] + 1 if after else 0
    numbers = range(first, min(45, first + pages.fetch))
    return pages.page(numbers, kind="notes", key=lambda n: (n,), render=lambda n: n)


@router.get("/versions")
async def list_versions(pages: Pagination, conditions: Conditions) -> Response:
    after = pages.after("versions", int)
    first = after[0] + 1 if after else 0
    return pages.answer(
        [Version({"number": n}, (n,)) for n in range(first, min(5, first + pages.fetch))],
        kind="versions",
        key=lambda shown: shown.version,
        conditions=conditions,
        cache_control="public, no-cache",
    )


@router.get("/notes/{number}")
async def read_note(number: int, conditions: Conditions, response: Response) -> dict[str, int]:
    tag = etag("note", number)
    conditions.revalidate(tag)
    response.headers.update(tag_headers(tag))
    return {"number": number}


@router.put("/notes/{number}", status_code=204)
async def replace_note(number: int, conditions: Conditions) -> None:
    conditions.require(etag("note", number))


@router.get("/me")
async def read_me(user: CurrentUser) -> dict[str, str]:
    return {"username": user.username}


@router.get("/visitor")
async def read_visitor(user: OptionalUser) -> dict[str, str | None]:
    return {"username": user.username if user else None}


@router.get("/failures")
async def provoke_failure(kind: Annotated[str, Query()]) -> None:
    if kind == "conflict":
        raise Conflict
    if kind == "rate":
        raise RateLimited(retry_after_seconds=7)
    if kind == "slow":
        await asyncio.sleep(5)
    raise RuntimeError("the password is hunter2")


@internal.get("/caller")
async def read_caller(caller: CurrentCaller) -> dict[str, str]:
    return {"caller": caller}


@dataclass(frozen=True, slots=True)
class Resources:
    platform: Platform


@asynccontextmanager
async def open_resources(settings: ServiceSettings) -> AsyncIterator[Resources]:
    async with open_platform("echo", settings) as platform:
        yield Resources(platform)


@pytest.fixture(scope="session")
def settings() -> ServiceSettings:
    values = settings_values(
        "echo",
        database_url="postgresql://nobody:x@127.0.0.1:1/none",
        streams_url="redis://127.0.0.1:1/0",
        peers=["echo", "other"],
        cors_origins=["https://app.example"],
        request_timeout_seconds=0.3,
    )
    return ServiceSettings(**values)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def app(settings: ServiceSettings) -> AsyncIterator[FastAPI]:
    built = build_app(
        service="echo",
        settings=settings,
        open_resources=open_resources,
        routers=[router, internal],
    )
    async with running(built) as started:
        yield started


@pytest_asyncio.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as opened:
        yield opened


@pytest.fixture(scope="session")
def service() -> str:
    return "echo"
