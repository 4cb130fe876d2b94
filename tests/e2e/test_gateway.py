"""What the gateway lets in, and what it never does."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from devstack.catalog import load_catalog
from tests.e2e.platform import Platform

PRIVATE = ["/internal/events", "/internal/mail-links/x", "/metrics", "/healthz", "/readyz"]
SPELLINGS = [
    "{path}",
    "/{path}",
    "//{path}",
    "/.{path}",
    "/api/..{path}",
    "/api/v1/auth/../../..{path}",
    "/api/v1/auth/%2e%2e/%2e%2e/%2e%2e{path}",
    "/api/v1/auth/..%2f..%2f..{path}",
    "/api/v1/auth/..%5c..%5c..{path}",
    "/api/v1/auth/..;/..;/..;{path}",
    "/api/v1/auth;{path}",
    "/api/v1/auth{path}",
    "/api/v1/users/..{path}",
    "/api/v1/posts/%2e%2e{path}",
    "/docs/..{path}",
    "/problem/..{path}",
    "{path}/",
    "{path};x",
    "{path}%20",
    "{path}%00",
    "http://internal{path}",
]


def exchange(platform: Platform, request: str) -> tuple[int, bytes]:
    """Send a request as it is spelled, which no HTTP client does; status and body."""
    address = urlsplit(platform.gateway_url)
    with socket.create_connection(("127.0.0.1", address.port or 80), timeout=10) as connection:
        connection.sendall(request.encode("latin-1"))
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


@pytest.mark.parametrize("private", PRIVATE)
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_private_routes_are_unreachable_by_any_spelling(
    platform: Platform, private: str, spelling: str, method: str
) -> None:
    target = spelling.format(path=private)
    request = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    status, body = exchange(platform, request)
    assert status in {400, 404, 405, 422}
    for secret in (b"python_info", b'"alive"', b'"ready"', b"head_position", b"invalid_token"):
        assert secret not in body


@pytest.fixture(scope="module")
def member(platform: Platform) -> dict[str, str]:
    """The headers of somebody who has logged in."""
    with platform.tour() as tour:
        for step in tour.steps[:4]:
            step()
        return tour.author.headers


@pytest.fixture
def api(platform: Platform) -> Any:
    with httpx.Client(base_url=f"{platform.gateway_url}/api/v1", timeout=10) as client:
        yield client


def assert_problem(answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses or (not statuses and 400 <= answer.status_code < 500), (
        answer.status_code,
        answer.text[:300],
    )
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"]


BODIES = {
    "malformed": b'{"title": ',
    "not JSON": b"\x00\x01",
    "a number": b"7",
    "an empty body": b"",
    "100,000 brackets": b"[" * 100_000,
    "100,000 brackets in a field": b'{"title": ' + b"[" * 100_000,
    "NUL": b'{"title": "\\u0000", "body": "x", "tags": [], "status": "draft", '
    b'"email": "a\\u0000@example.com", "password": "x", "username": "a"}',
    "a lone surrogate": b'{"title": "\\ud800", "email": "\\ud800", "token": "\\ud800"}',
    "a huge number": b'{"title": ' + b"9" * 5000 + b"}",
    "2 MB": b'{"title": "' + b"x" * 2_000_000 + b'"}',
}
WRITES = [
    ("POST", "/auth/register"),
    ("POST", "/auth/verify-email"),
    ("POST", "/auth/login"),
    ("POST", "/auth/refresh"),
    ("POST", "/auth/logout"),
    ("PATCH", "/users/me"),
    ("POST", "/posts"),
]


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_bad_body_is_a_problem(
    api: httpx.Client, member: dict[str, str], method: str, path: str, kind: str
) -> None:
    headers = {"Content-Type": "application/json", **member}
    assert_problem(api.request(method, path, content=BODIES[kind], headers=headers))


WRONG: list[dict[str, Any]] = [
    {"title": 7, "body": "x", "tags": [], "status": "published"},
    {"title": "x", "body": None, "tags": [], "status": "published"},
    {"title": "x", "body": "x", "tags": "one", "status": "published"},
    {"title": "x", "body": "x", "tags": [], "status": "archived"},
    {"title": "", "body": "x", "tags": [], "status": "published"},
    {"title": "x" * 100_000, "body": "x", "tags": [], "status": "published"},
]


@pytest.mark.parametrize("body", WRONG, ids=range(len(WRONG)))
def test_wrong_types_store_nothing(
    api: httpx.Client, member: dict[str, str], body: dict[str, Any]
) -> None:
    me = {"author": api.get("/users/me", headers=member).json()["username"]}
    before = api.get("/posts", params=me).json()["items"]
    assert_problem(api.post("/posts", json=body, headers=member), 422)
    assert api.get("/posts", params=me).json()["items"] == before


@pytest.mark.parametrize(
    "path",
    [
        "/posts/01900000-0000-7000-8000-000000000000",
        "/posts/no-such-post",
        "/users/nobody_at_all",
        "/posts/%ED%A0%80",
        "/users/%C0%AE",
        "/no/such/route",
        "/posts?cursor=elsewhere",
        "/posts?limit=0",
        "/posts?limit=101",
        "/posts?tag=%ED%A0%80",
        "/auth/register",
    ],
)
def test_an_unknown_or_malformed_address_is_a_problem(api: httpx.Client, path: str) -> None:
    assert_problem(api.get(path))


def test_a_cursor_of_another_list_is_a_problem(api: httpx.Client, member: dict[str, str]) -> None:
    for number in range(2):
        post = {"title": f"Post {number}", "body": "x", "tags": [], "status": "published"}
        assert api.post("/posts", json=post, headers=member).status_code == 201
    cursor = api.get("/posts", params={"limit": 1}).json()["next_cursor"]
    query = {"cursor": cursor}
    assert_problem(api.get("/notifications", params=query, headers=member), 422)


@pytest.mark.parametrize("kind", ["forged", "alg none", "garbage", "empty", "another scheme"])
def test_a_bad_token_is_401(api: httpx.Client, member: dict[str, str], kind: str) -> None:
    header, claims, signature = member["Authorization"].removeprefix("Bearer ").split(".")
    bad = {
        "forged": f"Bearer {header}.{claims}.{signature[:-8]}AAAAAAAA",
        "alg none": f"Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{claims}.",
        "garbage": "Bearer x.y.z",
        "empty": "Bearer",
        "another scheme": "Basic YWRhOmFkYQ==",
    }
    for path in ("/users/me", "/notifications"):
        answer = api.get(path, headers={"Authorization": bad[kind]})
        assert_problem(answer, 401)
        assert "www-authenticate" in answer.headers


def test_identity_headers_of_clients_mean_nothing(api: httpx.Client) -> None:
    headers = {"X-User-Id": "01900000-0000-7000-8000-000000000000", "X-Forwarded-User": "root"}
    assert_problem(api.get("/users/me", headers=headers), 401)


def test_answers_carry_a_request_id_and_safe_headers(api: httpx.Client) -> None:
    answer = api.get("/posts", headers={"X-Request-ID": "from-the-client"})
    assert answer.headers["x-request-id"] == "from-the-client"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_documents_of_all_services_are_served(platform: Platform) -> None:
    for service in load_catalog():
        answer = httpx.get(f"{platform.gateway_url}/api/v1/{service.name}/openapi.json")
        assert json.loads(answer.text)["openapi"].startswith("3.")
