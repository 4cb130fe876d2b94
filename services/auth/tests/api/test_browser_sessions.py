"""Browsers keep the refresh token in a cookie, which only pages of this origin can use."""

from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from auth_service.models import LinkPurpose
from auth_service.resources import Resources
from common.testing.conformance import assert_problem
from services.auth.tests.factories import (
    PASSWORD,
    headers_of,
    log_in,
    logged_in,
    mailed_code,
    mailed_token,
)

PATH = "/api/v1/auth"
OWN = {"X-Session": "cookie", "Sec-Fetch-Site": "same-origin"}
ATTRIBUTES = {"httponly": True, "secure": True, "samesite": "strict", "path": "/", "domain": ""}
CREDENTIALS = {"email": "ada@example.com", "password": PASSWORD}


async def send(
    client: httpx.AsyncClient,
    path: str,
    body: Mapping[str, Any],
    headers: Mapping[str, str] = OWN,
    cookie: str = "",
) -> httpx.Response:
    """What a browser would send, which keeps cookies that this client refuses over plain HTTP."""
    carried = {"Cookie": cookie} if cookie else {}
    return await client.post(PATH + path, json=dict(body), headers={**headers, **carried})


def cookies(answer: httpx.Response) -> SimpleCookie:
    """The cookies that an answer sets."""
    found = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        found.load(header)
    return found


def kept(answer: httpx.Response, name: str = "__Host-refresh") -> str:
    """The cookie that a browser sends after an answer."""
    return f"{name}={cookies(answer)[name].value}"


@pytest.mark.requirement("NIST 800-63B-4 5.1.1")
async def test_a_browser_gets_the_refresh_token_in_a_cookie_alone(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    answer = await send(client, "/login", CREDENTIALS)
    assert answer.json()["refresh_token"] is None
    cookie = cookies(answer)["__Host-refresh"]
    assert {name: cookie[name] for name in ATTRIBUTES} == ATTRIBUTES
    assert cookie["max-age"] == str(resources.settings.refresh_token_seconds)
    assert cookie.value not in answer.text
    refreshed = await send(client, "/refresh", {}, cookie=kept(answer))
    assert refreshed.status_code == 200
    assert refreshed.json()["refresh_token"] is None
    assert kept(refreshed) != kept(answer)
    sessions = await client.get(f"{PATH}/sessions", headers=headers_of(refreshed.json()))
    assert sessions.status_code == 200


@pytest.mark.requirement("NIST 800-63B-4 5.1")
async def test_a_logout_ends_the_session_and_takes_the_cookie_back(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    cookie = kept(await send(client, "/login", CREDENTIALS))
    for carried in (cookie, cookie, "", "__Host-refresh=made-up"):
        answer = await send(client, "/logout", {}, cookie=carried)
        assert answer.status_code == 204
        gone = cookies(answer)["__Host-refresh"]
        assert {name: gone[name] for name in ATTRIBUTES} == ATTRIBUTES
        assert (gone.value, gone["max-age"]) == ("", "0")
    for carried in (cookie, ""):
        problem = assert_problem(await send(client, "/refresh", {}, cookie=carried), 401)
        assert problem["code"] == "auth.refresh_token_invalid"


async def test_parallel_tabs_get_the_same_cookie(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    cookie = kept(await send(client, "/login", CREDENTIALS))
    answers = [await send(client, "/refresh", {}, cookie=cookie) for _ in range(3)]
    assert len({kept(answer) for answer in answers}) == 1


@pytest.mark.parametrize("path", ["/login", "/refresh", "/logout", "/email-login"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:8080"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:8080.evil.example"},
        {"Origin": "http://localhost"},
        {"Origin": "null"},
        {},
    ],
)
@pytest.mark.requirement("RFC 9700 4.7")
async def test_pages_of_others_are_refused_before_anything_happens(
    client: httpx.AsyncClient, resources: Resources, *, path: str, headers: dict[str, str]
) -> None:
    await logged_in(client, resources)
    cookie = kept(await send(client, "/login", CREDENTIALS))
    body = {"/login": CREDENTIALS, "/email-login": {"email": "ada@example.com"}}.get(path, {})
    answer = await send(client, path, body, {"X-Session": "cookie", **headers}, cookie)
    assert assert_problem(answer, 403)["code"] == "auth.cross_site_request"
    assert "set-cookie" not in answer.headers
    assert (await send(client, "/refresh", {}, cookie=cookie)).status_code == 200


async def test_a_browser_that_names_no_site_is_believed_by_its_origin(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    own = {"X-Session": "cookie", "Origin": "http://localhost:8080"}
    cookie = kept(await send(client, "/login", CREDENTIALS, own))
    assert (await send(client, "/refresh", {}, own, cookie)).status_code == 200


@pytest.mark.parametrize("path", ["/refresh", "/logout"])
@pytest.mark.requirement("RFC 9700 4.7")
async def test_a_cookie_alone_does_nothing(
    client: httpx.AsyncClient, resources: Resources, path: str
) -> None:
    await logged_in(client, resources)
    cookie = kept(await send(client, "/login", CREDENTIALS))
    # What a form of another site could send, were the cookie not kept from it.
    answer = await send(client, path, {}, {"Sec-Fetch-Site": "cross-site"}, cookie)
    problem = assert_problem(answer, 422)
    assert (problem["code"], problem["errors"][0]["pointer"]) == (
        "auth.refresh_token_missing",
        "/refresh_token",
    )
    form = await client.post(PATH + path, data={"x": "y"}, headers={"Cookie": cookie})
    assert_problem(form, 422)
    assert (await send(client, "/refresh", {}, cookie=cookie)).status_code == 200


async def test_a_token_in_the_body_is_none_of_a_browsers(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    tokens = await logged_in(client, resources)
    body = {"refresh_token": tokens["refresh_token"]}
    assert_problem(await send(client, "/refresh", body), 401)
    assert (await send(client, "/refresh", body, {})).status_code == 200


async def test_other_clients_get_no_cookies(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    answer = await log_in(client)
    assert answer.json()["refresh_token"]
    asked = await client.post(f"{PATH}/email-login", json={"email": "ada@example.com"})
    assert asked.json()["nonce"]
    for each in (answer, asked):
        assert "set-cookie" not in each.headers


async def test_a_session_is_kept_as_one_of_the_known_ways(client: httpx.AsyncClient) -> None:
    headers = OWN | {"X-Session": "cookies"}
    problem = assert_problem(await send(client, "/login", CREDENTIALS, headers), 422)
    assert problem["code"] == "common.validation_failed"


@pytest.mark.parametrize("way", ["code", "link"])
async def test_a_mailed_login_counts_in_the_browser_that_has_the_cookie(
    client: httpx.AsyncClient, resources: Resources, way: str
) -> None:
    await logged_in(client, resources)
    asked = await send(client, "/email-login", {"email": "ada@example.com"})
    assert asked.json()["nonce"] is None
    cookie = cookies(asked)["__Host-login"]
    assert {name: cookie[name] for name in ATTRIBUTES} == ATTRIBUTES
    assert cookie["max-age"] == "600"
    body = (
        {"code": await mailed_code(resources)}
        if way == "code"
        else {"token": await mailed_token(resources, LinkPurpose.LOG_IN)}
    )
    assert_problem(await send(client, f"/email-login/{way}", body), 422)
    held = kept(asked, "__Host-login")
    answer = await send(client, f"/email-login/{way}", body, cookie=held)
    assert answer.status_code == 200
    assert cookies(answer)["__Host-login"]["max-age"] == "0"
    assert (await send(client, "/refresh", {}, cookie=kept(answer))).status_code == 200
