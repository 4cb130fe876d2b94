"""The notifier gets the link to mail as long as it can be used, and nobody else does."""

from uuid import UUID, uuid4

import httpx

from auth_service.resources import Resources
from common.testing.conformance import assert_problem
from common.testing.keys import bearer, mint_internal_token
from services.auth.tests.factories import events, mailed_token, register, verify


def notifier() -> dict[str, str]:
    """Return the header of a call of the notifier, minted when it is made: it lives a minute."""
    return bearer(mint_internal_token("notifier", "auth"))


async def link_id(resources: Resources) -> UUID:
    return UUID((await events(resources))[0][1]["link_id"])


async def test_a_service_reads_the_link_that_a_mail_carries(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await register(client)
    path = f"/internal/mail-links/{await link_id(resources)}"
    url = (await client.get(path, headers=notifier())).json()["url"]
    token = await mailed_token(resources)
    assert url == f"http://localhost:8080/api/v1/auth/verify-email?token={token}"


async def test_a_used_link_is_not_mailed(client: httpx.AsyncClient, resources: Resources) -> None:
    await register(client)
    path = f"/internal/mail-links/{await link_id(resources)}"
    await verify(client, await mailed_token(resources))
    assert_problem(await client.get(path, headers=notifier()), 404)


async def test_an_unknown_link_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/internal/mail-links/{uuid4()}", headers=notifier())
    assert assert_problem(answer, 404)["code"] == "auth.link_not_found"
