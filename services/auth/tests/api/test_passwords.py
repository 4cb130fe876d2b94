"""What a password may be, and what a storm of logins is told."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from auth_service.resources import Resources
from common.testing.conformance import assert_problem
from services.auth.tests.factories import (
    PASSWORD,
    headers_of,
    log_in,
    mailed_token,
    register,
    verify,
)

# 128 characters, the last of which may be typed as one code point or as two.
LONGEST = (f"{PASSWORD}, " * 5)[:127] + "\u00e9"
DECOMPOSED = LONGEST[:-1] + "e\u0301"


@pytest.mark.requirement(
    "ASVS 6.2.8",
    "ASVS 6.2.9",
    "NIST 800-63B-4 3.1.1.2 length",
    "NIST 800-63B-4 3.1.1.2 characters",
    "NIST 800-63B-4 3.1.1.2 whole",
)
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
    [
        "83914720561839274650",
        "kettledrumgossamerlantern",
        "KETTLEDRUMGOSSAMERLANTERN",
        "   a heron    and a weir   ",
        "\u0446\u0430\u043f\u043b\u044f \u043d\u0430\u0434 \u0432\u043e\u0434\u043e\u0439",
        "\u591c\u9593\u306b\u98db\u3076\u9dfa\u3068\u6e05\u3089\u304b\u306a\u5830\u306e\u6c34\u97f3",
        "\U0001f9a9\U0001fa81\U0001f9ed\U0001fab4\U0001f6f6\U0001f390\U0001fa95\U0001f9f5" * 2,
        '~;}/\\^)?<%"=`{[#$&',
    ],
)
@pytest.mark.requirement("ASVS 6.2.5", "NIST 800-63B-4 3.1.1.2 characters")
async def test_a_password_may_be_of_any_characters(
    client: httpx.AsyncClient, resources: Resources, password: str
) -> None:
    answer = await register(client, password=password)
    assert answer.status_code == 202, answer.text
    await verify(client, await mailed_token(resources))
    assert (await log_in(client, password=password)).status_code == 200


@pytest.mark.requirement("ASVS 6.2.10", "NIST 800-63B-4 3.1.1.2 age")
async def test_a_password_does_not_get_too_old(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await register(client)
    await verify(client, await mailed_token(resources))
    async with resources.transaction() as tx:
        for column in ("created_at", "updated_at", "verified_at"):
            older = f"UPDATE accounts SET {column} = {column} - interval '10 years'"  # noqa: S608 — ours.
            await tx.session.execute(text(older))
    answer = await log_in(client)
    assert answer.status_code == 200
    own = await client.get("/api/v1/auth/sessions", headers=headers_of(answer.json()))
    assert own.status_code == 200


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
