"""The copy of personal access tokens follows auth, whatever order and however often it is told."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from common.clock import utc_now
from common.contracts import KeyIssued, KeyRevoked, UsernameChanged
from common.ids import new_id
from common.personal_keys.format import digest_of, new_key
from common.revocations import Watch
from common.testing.conformance import assert_problem
from common.testing.keys import bearer
from common.testing.producers import Producer
from services.users.tests.factories import ME, Person
from users_service.resources import Resources

ADA = Person("ada")


def issued(token: str, **changes: Any) -> KeyIssued:
    known = {
        "account_id": ADA.id,
        "key_id": new_id(),
        "token_hash": digest_of(token).hex(),
        "scopes": ["users:read"],
        "issued_at": utc_now(),
        "expires_at": utc_now() + timedelta(days=1),
        "name": "Nightly build",
        "email": "ada@example.com",
        "username": "ada",
    }
    return KeyIssued.model_validate(known | changes)


def revoked(key: KeyIssued) -> KeyRevoked:
    return KeyRevoked(account_id=ADA.id, key_id=key.key_id, revoked_at=utc_now())


@pytest.fixture
def token() -> str:
    return new_key()


async def read(client: httpx.AsyncClient, resources: Resources, token: str) -> httpx.Response:
    """What a token gets once the app has read what was revoked."""
    await Watch(resources.platform).turn()
    return await client.get(ME, headers=bearer(token))


async def test_a_token_counts_from_its_event_on_until_the_next(
    auth: Producer, client: httpx.AsyncClient, resources: Resources, token: str
) -> None:
    await auth.heard(ADA.registered())
    key = issued(token)
    await auth.heard(key, key=str(ADA.id))
    answer = await read(client, resources, token)
    assert (answer.status_code, answer.json()["username"]) == (200, "ada")
    await auth.heard(revoked(key), key=str(ADA.id))
    assert_problem(await read(client, resources, token), 401)


async def test_a_rewind_brings_no_token_back(
    auth: Producer, client: httpx.AsyncClient, resources: Resources, token: str
) -> None:
    key = issued(token)
    await auth.heard(key, revoked(key), key=str(ADA.id))
    assert_problem(await read(client, resources, token), 401)
    await auth.rewind()
    assert_problem(await read(client, resources, token), 401)


async def test_a_token_speaks_under_the_new_username(
    auth: Producer, resources: Resources, token: str
) -> None:
    renamed = UsernameChanged(account_id=ADA.id, username="ada_lovelace")
    await auth.heard(issued(token), renamed, key=str(ADA.id))
    user = await resources.platform.personal_keys.verify(token)
    assert user.username == "ada_lovelace"


async def test_a_rebuild_knows_the_tokens_that_count_and_no_others(
    auth: Producer, client: httpx.AsyncClient, resources: Resources, token: str
) -> None:
    gone, missed = new_key(), new_key()
    kept = issued(token)
    await auth.heard(ADA.registered(), kept, issued(gone), key=str(ADA.id))
    assert (await read(client, resources, gone)).status_code == 200
    await auth.rebuild(ADA.registered(), kept, issued(missed))
    for each in (token, missed):
        assert (await read(client, resources, each)).status_code == 200
    assert_problem(await read(client, resources, gone), 401)
