"""What a password may be, and what a storm of logins is told."""

from typing import Any

import httpx
import pytest

from auth_service.resources import Resources
from common.testing.conformance import assert_problem
from services.auth.tests.factories import PASSWORD, log_in, mailed_token, register, verify

# 128 characters, the last of which may be typed as one code point or as two.
LONGEST = (f"{PASSWORD}, " * 5)[:127] + "\u00e9"
DECOMPOSED = LONGEST[:-1] + "e\u0301"


async def test_a_password_is_its_composed_form_whole(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    assert (await register(client, password=DECOMPOSED)).status_code == 202
    await verify(client, await mailed_token(resources))
    for same in (LONGEST, DECOMPOSED):
        assert (await log_in(client, password=same)).status_code == 200
    for other in (LONGEST[:-1], LONGEST[:-1] + "e", LONGEST.upper(), f"{LONGEST[:-1]} "):
        assert_problem(await log_in(client, password=other), 401)


@pytest.mark.parametrize(
    "password",
    [f"{LONGEST}!", f"{DECOMPOSED}!", "\u0301" * 100_000, "e\u0301" * 129],
    ids=["long", "decomposed", "marks", "pairs"],
)
async def test_a_password_that_is_too_long_is_refused(
    client: httpx.AsyncClient, password: str
) -> None:
    for answer in (await register(client, password=password), await log_in(client, "a", password)):
        problem = assert_problem(answer, 422)
        assert problem["errors"][0]["pointer"] == "/password"


@pytest.mark.parametrize("kind", ["register", "log in"])
async def test_who_comes_in_a_storm_is_asked_to_come_again(
    client: httpx.AsyncClient, resources: Resources, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    async def send() -> Any:
        return await (register(client) if kind == "register" else log_in(client))

    with monkeypatch.context() as storm:
        storm.setattr(resources.passwords, "_free", 0)
        answer = await send()
        assert assert_problem(answer, 429)["code"] == "auth.passwords_busy"
        assert answer.headers["retry-after"] == "2"
        assert (await client.get("/healthz")).status_code == 200
    assert (await send()).status_code in (202, 401)
