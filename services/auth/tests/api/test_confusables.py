"""No username speaks for the platform, looks like another's, or hides something."""

import asyncio
import string
import unicodedata

import httpx
import pytest
from sqlalchemy import column, select, values

from auth_service.models.usernames import SKELETON, skeleton
from auth_service.resources import Resources
from common.testing.conformance import assert_problem
from services.auth.tests.factories import account, events, headers_of, logged_in, register

ALPHABET = string.ascii_lowercase + string.digits + "_"
LOOK_ALIKES = [("bill", "bi1l"), ("b0bby", "bobby"), ("mama", "rnama"), ("m0l1", "rno1l")]


@pytest.mark.parametrize(("name", "other"), LOOK_ALIKES)
async def test_of_two_names_that_look_the_same_one_is_refused(
    client: httpx.AsyncClient, resources: Resources, name: str, other: str
) -> None:
    await logged_in(client, resources, name)
    tokens = await logged_in(client, resources, "grace")
    for attempt in (name, other):
        # Of a known address, an unknown one, and an account that wants it.
        for answer in (
            await register(client, name, username=attempt),
            await register(client, "edith", username=attempt),
            await client.post(
                "/api/v1/auth/change-username",
                json={"username": attempt},
                headers=headers_of(tokens),
            ),
        ):
            problem = assert_problem(answer, 409)
            assert problem["code"] == "auth.username_taken"
            assert problem["errors"][0]["pointer"] == "/username"
    assert await account(resources, "edith") is None


async def test_an_unverified_registration_may_be_repeated_with_a_name_that_looks_the_same(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    for name in ("bill", "bi1l"):
        assert (await register(client, "ada", username=name)).status_code == 202
    stored = await account(resources)
    assert stored is not None
    assert stored.username == "bi1l"


async def test_one_of_many_registrations_of_names_that_look_the_same_wins(
    client: httpx.AsyncClient,
) -> None:
    names = ("mill10", "rnill10", "mi1l10", "mil1lo", "rni1llo", "millio")
    alike = [name for name in names if skeleton(name) == skeleton("mill10")]
    answers = await asyncio.gather(
        *(register(client, f"user{n}", username=name) for n, name in enumerate(alike))
    )
    assert len(alike) > 2
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * (len(alike) - 1)


@pytest.mark.parametrize(
    "name", ["admin", "adm1n", "adrnin", "s_u_p_p_o_r_t", "co1onnade", "null", "noreply", "rn0d"]
)
async def test_a_name_that_speaks_for_the_platform_is_refused(
    client: httpx.AsyncClient, resources: Resources, name: str
) -> None:
    problem = assert_problem(await register(client, username=name), 422)
    assert (problem["code"], problem["errors"][0]["pointer"]) == (
        "auth.username_reserved",
        "/username",
    )
    assert await events(resources) == []
    tokens = await logged_in(client, resources)
    answer = await client.post(
        "/api/v1/auth/change-username", json={"username": name}, headers=headers_of(tokens)
    )
    assert assert_problem(answer, 422)["code"] == "auth.username_reserved"


@pytest.mark.parametrize(
    "name",
    [
        "ada\u202ecba",
        "ad\u200ba",
        "ad\u200da",
        "\ufeffada",
        "ad\u00ada",
        "ada\r\nBcc",
        "ada\0bc",
        "ａｄａ",  # noqa: RUF001 — full width, which NFKC makes ASCII of.
        "ſada",  # noqa: RUF001 — a long s, which case folding makes an s of.
        "ada\u0301",
        "ɑda",  # noqa: RUF001 — an alpha.
        "ada١",  # noqa: RUF001 — an Arabic digit.
    ],
)
async def test_a_name_of_other_characters_is_refused(
    client: httpx.AsyncClient, resources: Resources, name: str
) -> None:
    problem = assert_problem(await register(client, username=name), 422)
    assert problem["code"] in {"common.validation_failed", "common.invalid_text"}
    assert await events(resources) == []


@pytest.mark.parametrize(
    "email",
    [
        "ada\0@example.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada\n@example.com",
        '"ada\r"@example.com',
        "ada@exam\u200bple.com",
        "ad\u202ea@example.com",
        "ada@example.com\0",
    ],
)
async def test_an_address_that_hides_something_is_refused(
    client: httpx.AsyncClient, resources: Resources, email: str
) -> None:
    problem = assert_problem(await register(client, email=email), 422)
    assert problem["code"] in {"common.validation_failed", "common.invalid_text"}
    assert await events(resources) == []


def test_every_admitted_character_is_its_own_case_folded_form() -> None:
    for character in ALPHABET:
        assert unicodedata.normalize("NFKC", character).casefold() == character


async def test_python_and_the_database_see_the_same_likeness(resources: Resources) -> None:
    names = ["".join(pair) for pair in zip(ALPHABET, reversed(ALPHABET), strict=True)]
    names += [each for pair in LOOK_ALIKES for each in pair]
    rows = values(column("username"), name="names").data([(name,) for name in names])
    async with resources.platform.database.reads() as connection:
        found = (await connection.execute(select(rows.c.username, SKELETON))).all()
    assert dict(map(tuple, found)) == {name: skeleton(name) for name in names}
    assert all(skeleton(first) == skeleton(second) for first, second in LOOK_ALIKES)
