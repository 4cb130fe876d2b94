"""What every service promises of its answers: what they are, and where they send nobody."""

import json
from typing import ClassVar

import httpx
import pytest
from fastapi import FastAPI

from common.http.dependencies import USER_SCHEME
from common.testing.keys import bearer, mint_user_token
from common.testing.operations import Operation, internal_operations, public_operations

PAGES = ("/healthz", "/readyz", "/metrics", "/docs", "/docs/docs.js", "/docs/docs.css", "/no/path")
ELSEWHERE = "https://evil.example/"
# What frameworks and habits take for where to go next.
_NEXT = dict.fromkeys(
    ("next", "redirect", "redirect_uri", "redirect_url", "return_to", "continue", "url"), ELSEWHERE
)


class AnswerConformance:
    """Media types, redirects, and tokens where none belongs."""

    # What a token needs to get past the routes that are not for everyone.
    scopes: ClassVar[str] = ""

    @pytest.mark.requirement("ASVS 4.1.1")
    async def test_every_answer_says_what_it_is(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        for path in PAGES:
            _assert_typed(await client.get(path))
        for headers in ({}, bearer(mint_user_token(scope=self.scopes))):
            for operation in _all(app):
                _assert_typed(
                    await client.request(operation.method, operation.path(), headers=headers)
                )

    @pytest.mark.requirement("ASVS 4.1.2", "RFC 9700 4.11", "RFC 9700 4.12")
    async def test_nobody_is_sent_elsewhere(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        headers = {
            **bearer(mint_user_token(scope=self.scopes)),
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Proto": "https",
            "Referer": ELSEWHERE,
        }
        for operation in _all(app):
            path = operation.path(ELSEWHERE)
            for spelling in (
                path,
                f"{path}/",
                f"//evil.example{path}",
                f"{path}/%2f%2fevil.example",
            ):
                url = httpx.URL(f"http://localhost{spelling}", params=_NEXT)
                answer = await client.request(operation.method, url, headers=headers)
                assert not 300 <= answer.status_code < 400, operation.name
                assert "location" not in answer.headers, operation.name
                assert "evil" not in str(answer.headers), operation.name

    @pytest.mark.requirement("RFC 9700 4.3")
    async def test_a_token_in_an_address_counts_for_nothing(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        token = mint_user_token(scope=self.scopes)
        for operation in public_operations(app):
            if operation.needs(USER_SCHEME):
                path = operation.path()
                plain = await client.request(operation.method, path)
                told = await client.request(operation.method, path, params={"access_token": token})
                assert told.status_code == plain.status_code, operation.name


def _all(app: FastAPI) -> tuple[Operation, ...]:
    return (*public_operations(app), *internal_operations(app))


def _assert_typed(answer: httpx.Response) -> None:
    if not answer.content:
        return
    kind, _, parameters = answer.headers["content-type"].partition(";")
    if kind.startswith("text/"):
        assert "charset=utf-8" in parameters, answer.url
        answer.content.decode()
    else:
        # JSON is UTF-8 by itself (RFC 8259, 8.1).
        assert kind in ("application/json", "application/problem+json"), (answer.url, kind)
        json.loads(answer.content)
    assert answer.headers["x-content-type-options"] == "nosniff"
