"""The inbox over HTTP: one's own, newest first, page by page."""

import httpx
import pytest

from notifier_service.resources import Resources
from services.notifier.tests.factories import Person, hear

PATH = "/api/v1/notifications"


@pytest.fixture
async def people(resources: Resources) -> tuple[Person, Person]:
    """A reader who follows an author with five posts."""
    author, reader = Person("grace"), Person("ada")
    posts = [author.publishes(f"Post{number}", 10 + number) for number in range(5)]
    await hear(resources, reader.follows(author, 1), *posts)
    return author, reader


async def test_an_item_says_who_published_what_and_when(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    author, reader = Person("grace"), Person("ada")
    post = author.publishes("Compilers", 2)
    await hear(resources, reader.follows(author, 1), post)
    response = await client.get(PATH, headers=reader.headers)

    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    [item] = response.json()["items"]
    assert item.pop("id")
    assert item == {
        "kind": "post_published",
        "created_at": "2026-01-01T00:02:00Z",
        "read_at": None,
        "data": {
            "post_id": str(post.post_id),
            "slug": "compilers",
            "title": "Compilers",
            "author_username": "grace",
        },
    }


@pytest.mark.requirement("ASVS 8.2.2")
async def test_everyone_sees_their_own_items_only(
    client: httpx.AsyncClient, people: tuple[Person, Person]
) -> None:
    for person in (people[0], Person("eve")):
        response = await client.get(PATH, headers=person.headers)
        assert response.json() == {"items": [], "next_cursor": None}


async def test_nobody_has_an_inbox_without_a_token(client: httpx.AsyncClient) -> None:
    response = await client.get(PATH)
    assert response.status_code == 401
    assert response.json()["code"] == "common.unauthenticated"


async def test_pages_follow_each_other_newest_first(
    client: httpx.AsyncClient, people: tuple[Person, Person]
) -> None:
    titles: list[str] = []
    url: str | None = f"{PATH}?limit=2"
    while url:
        response = await client.get(url, headers=people[1].headers)
        titles += [item["data"]["title"] for item in response.json()["items"]]
        link = response.links.get("next")
        url = link["url"] if link else None
        assert (url is None) is (response.json()["next_cursor"] is None)
    assert titles == ["Post4", "Post3", "Post2", "Post1", "Post0"]


async def test_a_cursor_of_somebody_else_is_refused(
    client: httpx.AsyncClient, people: tuple[Person, Person]
) -> None:
    page = (await client.get(PATH, params={"limit": 1}, headers=people[1].headers)).json()
    params = {"cursor": page["next_cursor"]}
    response = await client.get(PATH, params=params, headers=people[0].headers)
    assert response.status_code == 422
    assert response.json()["code"] == "common.invalid_cursor"


@pytest.mark.parametrize("limit", ["0", "101", "many"])
async def test_a_limit_out_of_range_is_refused(
    client: httpx.AsyncClient, people: tuple[Person, Person], limit: str
) -> None:
    response = await client.get(PATH, params={"limit": limit}, headers=people[1].headers)
    assert response.status_code == 422
    assert response.json()["errors"][0]["parameter"] == "limit"
