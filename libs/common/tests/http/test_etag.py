"""Readers are spared what they hold; writers are stopped from overwriting what they never saw."""

import httpx
import pytest

from common.http.etag import etag
from common.testing.conformance import assert_problem


@pytest.mark.parametrize("header", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
async def test_a_reader_that_holds_it_gets_304(client: httpx.AsyncClient, header: str) -> None:
    tag = (await client.get("/api/v1/notes/1")).headers["etag"]
    assert tag == etag("note", 1)
    response = await client.get(
        "/api/v1/notes/1", headers={"If-None-Match": header.format(tag=tag)}
    )
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == tag
    assert response.headers["cache-control"] == "private, no-cache"


async def test_a_reader_that_holds_another_gets_the_body(client: httpx.AsyncClient) -> None:
    other = (await client.get("/api/v1/notes/2")).headers["etag"]
    response = await client.get("/api/v1/notes/1", headers={"If-None-Match": other})
    assert response.json() == {"number": 1}


@pytest.mark.parametrize(
    ("header", "status"), [(None, 204), ("*", 204), ("{tag}", 204), ("W/{tag}", 412), ('"x"', 412)]
)
async def test_if_match_is_honoured_when_sent(
    client: httpx.AsyncClient, header: str | None, status: int
) -> None:
    headers = {"If-Match": header.format(tag=etag("note", 1))} if header else {}
    response = await client.put("/api/v1/notes/1", headers=headers)
    assert response.status_code == status
    if status == 412:
        assert assert_problem(response)["code"] == "common.precondition_failed"
