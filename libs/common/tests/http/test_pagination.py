"""Lists are read page by page, and a cursor fits only the list it came from."""

from datetime import UTC, datetime

import httpx
import pytest

from common.http.pagination import InvalidCursor, decode_cursor, encode_cursor
from common.ids import new_id


async def test_following_the_link_reads_each_item_once(client: httpx.AsyncClient) -> None:
    url, seen = "/api/v1/notes?limit=20", []
    while url:
        response = await client.get(url)
        seen += response.json()["items"]
        url = response.links["next"]["url"] if "next" in response.links else ""
        assert bool(url) is (response.json()["next_cursor"] is not None)
    assert seen == list(range(45))


async def test_whoever_holds_a_page_gets_304_and_the_next_page_has_another_tag(
    client: httpx.AsyncClient,
) -> None:
    first = await client.get("/api/v1/versions?limit=2")
    assert first.json()["items"] == [{"number": 0}, {"number": 1}]
    assert first.headers["cache-control"] == "public, no-cache"
    held = {"If-None-Match": first.headers["etag"]}
    again = await client.get("/api/v1/versions?limit=2", headers=held)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    query = {"limit": 5, "cursor": first.json()["next_cursor"]}
    rest = await client.get("/api/v1/versions", params=query, headers=held)
    assert (rest.status_code, len(rest.json()["items"])) == (200, 3)
    assert rest.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("limit", ["0", "101", "x", "-1"])
async def test_a_limit_outside_of_1_to_100_is_refused(
    client: httpx.AsyncClient, limit: str
) -> None:
    assert (await client.get(f"/api/v1/notes?limit={limit}")).status_code == 422


def test_a_cursor_keeps_its_types() -> None:
    key = (datetime.now(UTC), new_id(), 7, "text")
    cursor = encode_cursor("list", key)
    assert decode_cursor(cursor, "list", (type(key[0]), type(key[1]), int, str)) == key


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("other", (1,)),
        ("list", ("1",)),
        ("list", (1, 2)),
        ("list", ()),
        ("list", (True,)),
        ("list", (2**63,)),
        ("list", (None,)),
    ],
)
def test_a_cursor_that_does_not_fit_is_refused(kind: str, key: tuple[object, ...]) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(encode_cursor(kind, key), "list", (int,))


@pytest.mark.parametrize("text", ["a\0b", "2026-01-01T00:00:00", "9999-12-31T23:59:59-12:00", "x"])
def test_times_in_a_cursor_are_in_utc_and_texts_are_clean(text: str) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(encode_cursor("list", (text,)), "list", (datetime,))
    with pytest.raises(InvalidCursor):
        decode_cursor(encode_cursor("list", ("a\0b",)), "list", (str,))
