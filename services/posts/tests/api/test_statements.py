"""How many statements each route takes: one that is added by accident shows here, not in time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from common.http.routes import HotRoute
from common.testing.key_conformance import known_key
from common.testing.keys import bearer
from common.testing.operations import public_operations
from common.testing.producers import Producer
from common.testing.statements import remembered
from posts_service.resources import Resources
from services.posts.tests.factories import (
    COMMENTS,
    FEED,
    POSTS,
    TAGS,
    Person,
    answer,
    comment,
    draft,
    edit,
    published,
    write,
)

ADA = Person("ada")
READER = Person("reader")


@dataclass(frozen=True)
class World:
    """What the routes are asked about."""

    client: httpx.AsyncClient
    post: dict[str, Any]
    unsaid: dict[str, Any]
    comment: dict[str, Any]

    async def get(self, path: str, held: str = "", **query: Any) -> httpx.Response:
        conditions = {"If-None-Match": held} if held else {}
        return await self.client.get(path, params=query, headers=READER.headers | conditions)


type Call = Callable[[World], Awaitable[httpx.Response]]

# By operation, what it asks, and how many statements that takes beside BEGIN and COMMIT.
ROUTES: dict[str, list[tuple[Call, int]]] = {
    "read_post": [
        (lambda world: world.get(f"{POSTS}/{world.post['id']}"), 1),
        (lambda world: world.get(f"{POSTS}/{world.post['slug']}"), 1),
        # A look at the version, and another at the post when it is not what the client holds.
        (lambda world: world.get(f"{POSTS}/{world.post['slug']}", "*"), 1),
        (lambda world: world.get(f"{POSTS}/{world.post['slug']}", '"other"'), 2),
    ],
    "list_posts": [
        (lambda world: world.get(POSTS), 1),
        (lambda world: world.get(POSTS, author="ada"), 1),
        (lambda world: world.get(POSTS, tag="a", limit=1), 1),
    ],
    "read_feed": [(lambda world: world.get(FEED), 1)],
    "list_comments": [
        (lambda world: world.get(f"{POSTS}/{world.post['slug']}/comments"), 1),
        # Without a comment: whether there is a post at all.
        (lambda world: world.get(f"{POSTS}/{world.unsaid['slug']}/comments"), 2),
    ],
    "read_comment": [(lambda world: world.get(f"{COMMENTS}/{world.comment['id']}"), 1)],
    "list_tags": [(lambda world: world.get(TAGS), 1)],
    "create_post": [
        (lambda world: create(world, published(title="Fresh", tags=["a", "b"])), 1),
        (lambda world: create(world, draft(title="Unripe")), 1),
        # The first slug is taken.
        (lambda world: create(world, published(title="Fresh")), 2),
    ],
    "edit_post": [(lambda world: edit(world.client, ADA, world.post, {"title": "New"}), 4)],
    "delete_post": [
        (
            lambda world: world.client.delete(f"{POSTS}/{world.unsaid['id']}", headers=ADA.headers),
            4,
        ),
    ],
    # The post, blocks, the author's copy, the comment, itself as it is shown, its event.
    "create_comment": [(lambda world: answer(world.client, ADA, world.post), 6)],
    "edit_comment": [
        (
            lambda world: world.client.patch(
                f"{COMMENTS}/{world.comment['id']}", json={"body": "x"}, headers=ADA.headers
            ),
            4,
        )
    ],
    "delete_comment": [
        (
            lambda world: world.client.delete(
                f"{COMMENTS}/{world.comment['id']}", headers=ADA.headers
            ),
            6,
        )
    ],
}


@pytest.fixture
async def world(client: httpx.AsyncClient, users: Producer) -> World:
    """A reader who follows somebody with posts, of which one was commented on."""
    post = await write(client, ADA, published(tags=["a"]))
    unsaid = await write(client, ADA, published(tags=["a"]))
    await users.heard(READER.follows(ADA))
    return World(client, post, unsaid, await comment(client, ADA, post))


async def create(world: World, body: dict[str, Any]) -> httpx.Response:
    return await world.client.post(POSTS, json=body, headers=ADA.headers)


async def test_the_reads_that_are_most_of_all_requests_are_hot(app: FastAPI) -> None:
    routes = [context.original_route for context in iter_route_contexts(app.routes)]
    hot = {route.name for route in routes if isinstance(route, HotRoute) and route.is_hot}
    assert hot >= {"read_post", "list_posts", "read_feed", "list_comments", "read_comment"}


async def test_every_route_is_counted(app: FastAPI) -> None:
    assert {operation.name for operation in public_operations(app)} == ROUTES.keys()


async def test_a_route_takes_as_many_statements_as_it_did(
    world: World, resources: Resources
) -> None:
    for name, calls in ROUTES.items():
        for call, expected in calls:
            async with remembered(resources.platform.database.engine) as statements:
                response = await call(world)
            assert response.is_success or response.status_code == 304, (name, response.text)
            texts = [text for text, _ in statements]
            assert len(texts) == expected, (name, texts)


async def test_a_personal_key_costs_a_statement_a_minute(
    world: World, resources: Resources
) -> None:
    token, _ = await known_key(resources, ["posts:read"])
    path = f"{POSTS}/{world.post['slug']}"
    for expected in (2, 1, 1):
        async with remembered(resources.platform.database.engine) as statements:
            response = await world.client.get(path, headers=bearer(token))
        assert response.status_code == 200
        assert len(statements) == expected, statements
