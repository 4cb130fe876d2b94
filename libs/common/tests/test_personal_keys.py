"""A personal access token looks like one, costs one question, and is remembered for a minute."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
import respx

from common.clock import utc_now
from common.errors import Unavailable
from common.http.client import PeerClient, PeerRefused, PeerUnavailable, open_client
from common.ids import new_id
from common.personal_keys.card import KeyCard
from common.personal_keys.format import PATTERN, digest_of, is_key, new_key
from common.personal_keys.uses import Uses, report_key_uses
from common.personal_keys.verifier import PersonalKeys, ask_issuer
from common.testing.keys import private_pem
from common.tokens import InternalTokens, InvalidToken

ISSUER = "http://issuer.test"


class World:
    """What a service's copy and the issuer know, and how often each was asked."""

    def __init__(self) -> None:
        self.copy: dict[bytes, KeyCard] = {}
        self.issuer: dict[bytes, KeyCard] = {}
        self.revoked: set[UUID] = set()
        self.asked: Counter[str] = Counter()
        self.away = False
        self.keys = PersonalKeys(self._read, self._ask, self.revoked.__contains__)

    async def _read(self, digest: bytes) -> KeyCard | None:
        self.asked["copy"] += 1
        await asyncio.sleep(0)
        return self.copy.get(digest)

    async def _ask(self, digest: bytes) -> KeyCard | None:
        self.asked["issuer"] += 1
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable
        return self.issuer.get(digest)


@pytest.fixture
def world() -> World:
    return World()


def card(life: timedelta = timedelta(days=1)) -> KeyCard:
    return KeyCard(
        key_id=new_id(),
        account_id=new_id(),
        username="ada",
        scopes=["posts:read"],
        expires_at=utc_now() + life,
    )


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let time pass for whoever remembers."""
    moment = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: moment)


def test_a_token_is_found_by_scanners_and_no_two_are_alike() -> None:
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    for key in keys:
        assert key.startswith("clnd_pat_")
        assert len(key) == 45
        assert len(digest_of(key)) == 32
    assert PATTERN == "clnd_pat_[0-9A-Za-z]{36}"


def test_the_form_is_what_it_was_when_the_first_were_issued() -> None:
    digest = digest_of("clnd_pat_" + "0" * 30 + "0HCv5d")
    assert digest.hex() == "b24785cd217439c658b7759449114c4bca12a18dc0f725b348c36aaf36af2f8f"


@pytest.mark.parametrize("place", range(9, 45))
def test_a_typing_error_shows_without_asking_anybody(place: int) -> None:
    key = new_key()
    other = "0" if key[place] != "0" else "1"
    with pytest.raises(InvalidToken):
        digest_of(key[:place] + other + key[place + 1 :])


@pytest.mark.parametrize("wrong", ["clnd_pat_", "clnd_pat_é" + "0" * 35, "clnd_pat_" + "0" * 9000])
def test_what_only_begins_like_a_token_is_refused(wrong: str) -> None:
    assert is_key(wrong)
    for text in (wrong, new_key() + "\n", " " + new_key()):
        with pytest.raises(InvalidToken):
            digest_of(text)


async def test_a_token_speaks_for_its_owner_and_is_remembered(world: World) -> None:
    key, known = new_key(), card()
    world.copy[digest_of(key)] = known
    for _ in range(3):
        user = await world.keys.verify(key)
    assert (user.id, user.sid, user.username) == (known.account_id, known.key_id, "ada")
    assert (user.scope, user.roles) == (frozenset({"posts:read"}), frozenset())
    assert user.by_key
    assert world.asked == {"copy": 1}


async def test_a_token_is_looked_up_again_after_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, known = new_key(), card()
    world.copy[digest_of(key)] = known
    await world.keys.verify(key)
    del world.copy[digest_of(key)]
    later(monkeypatch, 59)
    await world.keys.verify(key)
    later(monkeypatch, 2)
    with pytest.raises(InvalidToken):
        await world.keys.verify(key)


async def test_a_remembered_token_is_refused_once_it_is_revoked(world: World) -> None:
    key, known = new_key(), card()
    world.copy[digest_of(key)] = known
    await world.keys.verify(key)
    world.revoked.add(known.key_id)
    with pytest.raises(InvalidToken):
        await world.keys.verify(key)


async def test_a_remembered_token_expires(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key()
    world.copy[digest_of(key)] = card(timedelta(seconds=20))
    await world.keys.verify(key)
    del world.copy[digest_of(key)]
    later(monkeypatch, 21)
    with pytest.raises(InvalidToken):
        await world.keys.verify(key)


async def test_a_token_that_the_copy_lacks_costs_one_question(world: World) -> None:
    key = new_key()
    world.issuer[digest_of(key)] = card()
    users = await asyncio.gather(*(world.keys.verify(key) for _ in range(50)))
    assert {user.username for user in users} == {"ada"}
    assert world.asked == {"copy": 1, "issuer": 1}


async def test_an_unknown_token_costs_one_question_in_ten_seconds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key()
    answers = await asyncio.gather(
        *(world.keys.verify(key) for _ in range(50)), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {InvalidToken}
    later(monkeypatch, 9)
    with pytest.raises(InvalidToken):
        await world.keys.verify(key)
    assert world.asked == {"copy": 1, "issuer": 1}
    later(monkeypatch, 2)
    with pytest.raises(InvalidToken):
        await world.keys.verify(key)
    assert world.asked["issuer"] == 2


async def test_only_tokens_that_the_copy_lacks_are_attempts(world: World) -> None:
    attempts: list[str] = []

    @asynccontextmanager
    async def attempt() -> AsyncIterator[None]:
        attempts.append("failed")
        yield
        attempts[-1] = "found"

    copied, issued = new_key(), new_key()
    world.copy[digest_of(copied)] = card()
    world.issuer[digest_of(issued)] = card()
    for key in (copied, issued, issued):
        await world.keys.verify(key, attempt)
    unknown = new_key()
    for _ in range(2):
        with pytest.raises(InvalidToken):
            await world.keys.verify(unknown, attempt)
    assert attempts == ["found", "failed"]


async def test_nothing_is_said_of_a_token_while_nobody_can_be_asked(world: World) -> None:
    key = new_key()
    world.away = True
    with pytest.raises(Unavailable):
        await world.keys.verify(key)
    world.away = False
    world.issuer[digest_of(key)] = card()
    assert (await world.keys.verify(key)).username == "ada"


async def test_many_tokens_at_random_do_not_push_out_those_that_count(world: World) -> None:
    key = new_key()
    world.copy[digest_of(key)] = card()
    await world.keys.verify(key)
    for _ in range(10_500):
        with pytest.raises(InvalidToken):
            await world.keys.verify(new_key())
    world.asked.clear()
    await world.keys.verify(key)
    assert world.asked == {}


def peer(client: httpx.AsyncClient) -> PeerClient:
    return PeerClient("issuer", client, InternalTokens("echo", private_pem("echo"), {}))


async def test_the_issuer_is_asked_by_the_hash(respx_mock: respx.MockRouter) -> None:
    known, digest = card(), digest_of(new_key())
    route = respx_mock.get(f"{ISSUER}/internal/personal-keys/{digest.hex()}")
    async with open_client(ISSUER) as client:
        route.respond(json=known.model_dump(mode="json"))
        assert await ask_issuer(peer(client), digest) == known
        route.respond(404, json={"code": "auth.key_not_found"})
        assert await ask_issuer(peer(client), digest) is None
        route.respond(403, json={})
        with pytest.raises(PeerRefused):
            await ask_issuer(peer(client), digest)
        route.respond(500)
        with pytest.raises(PeerUnavailable):
            await ask_issuer(peer(client), digest)


async def test_uses_are_told_in_batches_and_again_if_nobody_heard(
    respx_mock: respx.MockRouter,
) -> None:
    uses, now = Uses(), utc_now()
    for _ in range(700):
        uses.note(new_id(), now)
    route = respx_mock.post(f"{ISSUER}/internal/personal-keys/uses")
    async with open_client(ISSUER) as client:
        route.side_effect = [httpx.Response(204), httpx.Response(500)]
        with pytest.raises(PeerUnavailable):
            await report_key_uses(uses, peer(client))
        route.side_effect = None
        route.respond(204)
        await report_key_uses(uses, peer(client))
        await report_key_uses(uses, peer(client))
    sizes = [call.request.content.count(b"key_id") for call in route.calls]
    assert sizes == [500, 200, 200]
    assert uses.take() == {}


async def test_a_later_use_is_not_lost_to_one_that_was_not_told() -> None:
    uses, key_id, now = Uses(), new_id(), utc_now()
    uses.note(key_id, now - timedelta(minutes=1))
    untold = uses.take()
    uses.note(key_id, now)
    uses.give_back(untold)
    assert uses.take() == {key_id: now}


async def test_uses_take_bounded_memory() -> None:
    uses, now = Uses(), utc_now()
    for _ in range(10_100):
        uses.note(new_id(), now)
    assert len(uses.take()) == 10_000
