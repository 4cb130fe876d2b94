"""Reading and editing profiles over HTTP."""

import asyncio
from typing import Any

import httpx
import pytest

from common.testing.conformance import assert_problem
from services.users.tests.factories import (
    ME,
    Person,
    arrive,
    event_types,
    events,
    profile,
    usernames,
)
from users_service.resources import Resources

ADA = Person("ada")
GRACE = Person("grace")


async def edit(client: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    return await client.patch(ME, json=body, headers={**ADA.headers, **headers})


async def test_a_first_request_makes_the_profile_from_the_token(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    response = await client.get(ME, headers=ADA.headers)

    assert response.status_code == 200
    found = response.json()
    assert found["created_at"] == found["updated_at"]
    assert found["created_at"].endswith("Z")
    assert {name: found[name] for name in ("id", "username", "display_name", "bio")} == {
        "id": str(ADA.id),
        "username": "ada",
        "display_name": "ada",
        "bio": "",
    }
    card = {"user_id": str(ADA.id), "username": "ada", "display_name": "ada"}
    assert await events(resources) == [("users.profile_changed.v1", str(ADA.id), card)]


async def test_a_second_request_changes_nothing(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    first = await client.get(ME, headers=ADA.headers)
    second = await client.get(ME, headers=ADA.headers)
    assert second.content == first.content
    assert second.headers["etag"] == first.headers["etag"]
    assert await event_types(resources) == ["profile_changed"]


async def test_many_first_requests_at_once_make_one_profile(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    requests = [client.get(ME, headers=ADA.headers) for _ in range(5)]
    edits = [edit(client, {"bio": "One."}) for _ in range(5)]
    responses = await asyncio.gather(*requests, *edits)
    assert {response.status_code for response in responses} == {200}
    assert await usernames(resources) == ["ada"]
    assert await event_types(resources) == ["profile_changed", "profile_changed"]


async def test_a_username_that_another_profile_has_is_a_conflict(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA)
    impostor = Person("ada")
    problem = assert_problem(await client.get(ME, headers=impostor.headers), 409)
    assert problem["code"] == "users.username_in_use"
    assert await usernames(resources) == ["ada"]


async def test_an_edit_shows_and_is_told(client: httpx.AsyncClient, resources: Resources) -> None:
    await arrive(client, ADA)
    before = await profile(resources, ADA)
    response = await edit(client, {"display_name": "  Ada Lovelace ", "bio": "First.\nOf all."})

    assert response.status_code == 200
    found = response.json()
    assert (found["display_name"], found["bio"]) == ("Ada Lovelace", "First.\nOf all.")
    assert (await client.get(ME, headers=ADA.headers)).json() == found
    assert (await client.get(ADA.path)).json() == found
    after = await profile(resources, ADA)
    assert after.updated_at > before.updated_at
    assert after.created_at == before.created_at
    card = {"user_id": str(ADA.id), "username": "ada", "display_name": "Ada Lovelace"}
    assert (await events(resources))[1:] == [("users.profile_changed.v1", str(ADA.id), card)]


async def test_an_edit_may_be_the_first_request(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    response = await edit(client, {"bio": "First."})
    assert (response.status_code, response.json()["bio"]) == (200, "First.")
    assert await event_types(resources) == ["profile_changed", "profile_changed"]


async def test_what_an_edit_does_not_name_stays(client: httpx.AsyncClient) -> None:
    await edit(client, {"display_name": "Ada L.", "bio": "First."})
    assert (await edit(client, {"bio": ""})).json()["display_name"] == "Ada L."
    found = (await edit(client, {"display_name": "A. L."})).json()
    assert (found["display_name"], found["bio"]) == ("A. L.", "")


@pytest.mark.parametrize("body", [{}, {"display_name": " ada "}, {"bio": "", "username": "eve"}])
async def test_an_edit_that_changes_nothing_is_not_told(
    client: httpx.AsyncClient, resources: Resources, body: dict[str, str]
) -> None:
    before = await client.get(ME, headers=ADA.headers)
    after = await edit(client, body)
    assert after.content == before.content
    assert after.headers["etag"] == before.headers["etag"]
    assert await event_types(resources) == ["profile_changed"]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"display_name": None}, "/display_name", "string_type"),
        ({"display_name": 7}, "/display_name", "string_type"),
        ({"display_name": ""}, "/display_name", "string_too_short"),
        ({"display_name": " \t\u2003 "}, "/display_name", "string_too_short"),
        ({"display_name": "x" * 65}, "/display_name", "string_too_long"),
        ({"display_name": "two\nlines"}, "/display_name", "string_pattern_mismatch"),
        ({"display_name": "two\u2028lines"}, "/display_name", "string_pattern_mismatch"),
        ({"bio": None}, "/bio", "string_type"),
        ({"bio": "x" * 501}, "/bio", "string_too_long"),
        ([], "", "model_attributes_type"),
        (None, "", "missing"),
    ],
)
async def test_a_bad_edit_is_refused_by_name_and_stores_nothing(
    client: httpx.AsyncClient, resources: Resources, body: Any, pointer: str, code: str
) -> None:
    problem = assert_problem(await edit(client, body), 422)
    assert problem["code"] == "common.validation_failed"
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [(pointer, code)]
    assert await events(resources) == []


@pytest.mark.parametrize(
    "body", [{"display_name": "x" * 64}, {"display_name": "\U0001f469\u200d\U0001f4bb"}]
)
async def test_a_display_name_at_its_limits_is_kept(
    client: httpx.AsyncClient, body: dict[str, str]
) -> None:
    response = await edit(client, body)
    assert response.json()["display_name"] == body["display_name"]


async def test_an_edit_of_what_has_changed_since_is_refused(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    read = (await client.get(ME, headers=ADA.headers)).headers["etag"]
    first = await edit(client, {"bio": "First."}, **{"If-Match": read})
    second = await edit(client, {"bio": "Second."}, **{"If-Match": read})

    assert first.status_code == 200
    assert first.headers["etag"] != read
    problem = assert_problem(second, 412)
    assert problem["code"] == "common.precondition_failed"
    assert (await profile(resources, ADA)).bio == "First."
    third = await edit(client, {"bio": "Third."}, **{"If-Match": first.headers["etag"]})
    assert third.status_code == 200


async def test_of_many_edits_of_the_same_version_one_is_made(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    read = (await client.get(ME, headers=ADA.headers)).headers["etag"]
    edits = [edit(client, {"bio": f"Number {n}."}, **{"If-Match": read}) for n in range(5)]
    statuses = [response.status_code for response in await asyncio.gather(*edits)]
    assert sorted(statuses) == [200, 412, 412, 412, 412]
    assert await event_types(resources) == ["profile_changed", "profile_changed"]


async def test_whoever_holds_the_present_version_gets_304(client: httpx.AsyncClient) -> None:
    await arrive(client, ADA)
    for path, headers in ((ME, ADA.headers), (ADA.path, {})):
        tag = (await client.get(path, headers=headers)).headers["etag"]
        again = await client.get(path, headers={**headers, "If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        other = await client.get(path, headers={**headers, "If-None-Match": '"other"'})
        assert other.status_code == 200


async def test_a_profile_is_public_and_its_keeper_asks_each_time(
    client: httpx.AsyncClient,
) -> None:
    own = await client.get(ME, headers=ADA.headers)
    public = await client.get(ADA.path)
    assert public.json() == own.json()
    assert public.headers["cache-control"] == "public, no-cache"
    assert own.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("name", ["nobody", "Ada", "ada ", "me.", "%2e%2e", "x" * 3000])
async def test_an_unknown_user_is_not_found(client: httpx.AsyncClient, name: str) -> None:
    await arrive(client, ADA)
    problem = assert_problem(await client.get(f"/api/v1/users/{name}"), 404)
    assert problem["code"] in {"users.user_not_found", "common.route_not_found"}


async def test_ones_own_profile_needs_a_token(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    assert_problem(await client.get(ME), 401)
    assert_problem(await client.patch(ME, json={"bio": "x"}), 401)
    assert await events(resources) == []


async def test_the_document_is_no_username(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/users/openapi.json")
    assert response.json()["info"]["title"] == "Colonnade users"


async def test_edits_of_one_person_leave_others_alone(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA, GRACE)
    await edit(client, {"bio": "First."})
    assert (await profile(resources, GRACE)).bio == ""


@pytest.mark.requirement("ASVS 8.2.3")
async def test_an_edit_changes_nothing_that_is_not_the_owners_to_change(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await arrive(client, ADA, GRACE)
    before = (await client.get(ME, headers=ADA.headers)).json()
    body = {
        "bio": "First.",
        "id": str(GRACE.id),
        "username": "root",
        "created_at": "2020-01-01T00:00:00Z",
    }
    after = (await edit(client, body)).json()
    fixed = ("id", "username", "created_at")
    assert [after[name] for name in fixed] == [before[name] for name in fixed]
    assert sorted(await usernames(resources)) == ["ada", "grace"]
