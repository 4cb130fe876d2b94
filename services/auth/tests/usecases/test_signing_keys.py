"""The life of signing keys, by a clock of the tests and real rows."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import delete

from auth_service.errors import SigningKeyNotFound, SigningKeysUnknown
from auth_service.models import Account, Action, SigningKey
from auth_service.repositories.audit import AuditQuery, Operator
from auth_service.repositories.signing_keys import StoredKey
from auth_service.resources import Resources, read_signing_keys
from auth_service.unit_of_work import Tx
from auth_service.usecases.key_ring import STALE_SECONDS, KeyRing
from auth_service.usecases.keys import AccessTokenSigner
from auth_service.usecases.sealing import Sealer
from auth_service.usecases.signing_keys import (
    Changes,
    KeyPolicy,
    KeyState,
    keep_keys,
    list_keys,
    revoke_key,
    rotate_keys,
)
from common.clock import utc_now
from common.ids import new_id
from common.testing.keys import AUDIENCE, ISSUER, SIGNING, key_of
from common.tokens import InvalidToken, UserTokens

START = datetime(2031, 5, 1, 12, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
LIFE = 10 * MINUTE
OPERATOR = Operator("root", "a leak", "notifier")


@pytest.fixture
def policy(resources: Resources) -> KeyPolicy:
    """Keys that change every hour, published five minutes before."""
    return replace(
        resources.signing_keys,
        period=HOUR,
        publish_ahead=5 * MINUTE,
        token_life=LIFE,
        imported=None,
    )


async def forget_all(tx: Tx) -> None:
    """Remove every key in a transaction that goes on: the app makes some where there are none."""
    await tx.signing_keys.lock_all()
    await tx.session.execute(delete(SigningKey))
    tx.session.expunge_all()


@pytest_asyncio.fixture
async def started(resources: Resources, policy: KeyPolicy) -> AsyncIterator[None]:
    """The keys as they are at START; afterwards the app has those of before."""
    async with resources.transaction() as tx:
        await forget_all(tx)
        await keep_keys(tx, policy=policy, now=START)
    yield
    async with resources.transaction() as tx:
        await forget_all(tx)
        await keep_keys(tx, policy=resources.signing_keys, now=utc_now())
    await read_signing_keys(resources)


@dataclass(frozen=True)
class Keeper:
    """Speaks for a process at a time of its own."""

    resources: Resources
    policy: KeyPolicy

    async def keep(self, now: datetime) -> Changes:
        async with self.resources.transaction() as tx:
            return await keep_keys(tx, policy=self.policy, now=now)

    async def rotate(self, now: datetime) -> datetime:
        async with self.resources.transaction() as tx:
            return (await rotate_keys(tx, policy=self.policy, actor=OPERATOR, now=now)).signs_from

    async def revoke(self, kid: str, now: datetime) -> None:
        async with self.resources.transaction() as tx:
            await revoke_key(tx, policy=self.policy, actor=OPERATOR, kid=kid, now=now)

    async def told(self) -> list[tuple[str, str, str]]:
        """What the audit tells of keys, the oldest first: what was done, to which key, by whom."""
        async with self.resources.reads() as reads:
            found = await reads.audit.search(AuditQuery(), after=None, limit=100)
        return [
            (each.action, each.details["kid"], (each.personal or {})["operator"])
            for each in reversed(found)
        ]

    async def stored(self) -> list[StoredKey]:
        async with self.resources.reads() as reads:
            return list(await reads.signing_keys.list_all())

    async def states(self, now: datetime) -> list[tuple[KeyState, timedelta]]:
        """Each key's state, and how long after START it signs."""
        async with self.resources.reads() as reads:
            facts = await list_keys(reads, now=now)
        return [(each.state, each.key.signs_from - START) for each in facts]


@pytest.fixture
def keeper(resources: Resources, policy: KeyPolicy) -> Keeper:
    return Keeper(resources, policy)


NEXT, ACTIVE, RETIRED = KeyState.NEXT, KeyState.ACTIVE, KeyState.RETIRED
NONE = timedelta()


@pytest.mark.usefixtures("started")
async def test_a_key_is_published_then_signs_then_is_only_published_then_gone(
    keeper: Keeper,
) -> None:
    assert await keeper.states(START) == [(ACTIVE, NONE), (NEXT, HOUR)]
    assert await keeper.states(START + HOUR) == [(RETIRED, NONE), (ACTIVE, HOUR)]
    assert len((await keeper.keep(START + HOUR)).made) == 1
    made = [(RETIRED, NONE), (ACTIVE, HOUR), (NEXT, 2 * HOUR)]
    assert await keeper.states(START + HOUR) == made
    last = START + HOUR + LIFE
    assert (await keeper.keep(last)).removed == []
    assert len((await keeper.keep(last + 2 * MINUTE)).removed) == 1
    assert await keeper.states(last + 2 * MINUTE) == [(ACTIVE, HOUR), (NEXT, 2 * HOUR)]


@pytest.mark.usefixtures("started")
async def test_keeping_again_changes_nothing(keeper: Keeper) -> None:
    for now in (START, START + HOUR, START + 3 * HOUR):
        await keeper.keep(now)
        before = await keeper.stored()
        assert await keeper.keep(now) == Changes()
        assert await keeper.stored() == before


@pytest.mark.usefixtures("started")
async def test_many_keepers_at_once_make_one_key(keeper: Keeper) -> None:
    for now in (START + HOUR, START + 2 * HOUR):
        done = await asyncio.gather(*(keeper.keep(now) for _ in range(5)))
        assert sum(len(changes.made) for changes in done) == 1


@pytest.mark.usefixtures("started")
async def test_the_first_start_of_many_makes_one_key_that_signs(
    resources: Resources, keeper: Keeper
) -> None:
    async with resources.transaction() as tx:
        await forget_all(tx)
    # The app of these tests reads at the same time, as one more process.
    await asyncio.gather(*(keeper.keep(utc_now()) for _ in range(5)))
    assert len(await keeper.stored()) == 2


@pytest.mark.usefixtures("started")
async def test_who_dies_before_the_commit_has_changed_nothing(
    resources: Resources, keeper: Keeper, policy: KeyPolicy
) -> None:
    before = await keeper.stored()
    kid = before[0].kid

    async def rotate(tx: Tx) -> None:
        await rotate_keys(tx, policy=policy, actor=OPERATOR, now=START + HOUR)

    async def revoke(tx: Tx) -> None:
        await revoke_key(tx, policy=policy, actor=OPERATOR, kid=kid, now=START + HOUR)

    async def keep(tx: Tx) -> None:
        await keep_keys(tx, policy=policy, now=START + HOUR)

    changes: list[Callable[[Tx], Awaitable[None]]] = [rotate, revoke, keep]
    for change in changes:
        with suppress(asyncio.CancelledError):
            async with resources.transaction() as tx:
                await change(tx)
                await tx.session.flush()
                raise asyncio.CancelledError
        assert await keeper.stored() == before


@pytest.mark.usefixtures("started")
async def test_a_schedule_that_nobody_kept_is_caught_up_once(keeper: Keeper) -> None:
    late = START + 10 * HOUR
    assert len((await keeper.keep(late)).made) == 1
    ahead = timedelta(minutes=5)
    assert (await keeper.states(late))[-1] == (NEXT, 10 * HOUR + ahead)
    assert await keeper.keep(late + MINUTE) == Changes()


@pytest.mark.usefixtures("started")
async def test_a_command_lets_the_next_key_sign_once_it_is_known(keeper: Keeper) -> None:
    assert await keeper.rotate(START + MINUTE) == START + 5 * MINUTE
    assert await keeper.rotate(START + 2 * MINUTE) == START + 5 * MINUTE
    now = START + 20 * MINUTE
    await keeper.keep(now)
    assert await keeper.rotate(now) == now + 5 * MINUTE
    assert await keeper.rotate(now + 30 * MINUTE) == now + 35 * MINUTE
    states = [state for state, _ in await keeper.states(now + 35 * MINUTE)]
    assert states.count(ACTIVE) == 1


@pytest.mark.usefixtures("started")
async def test_the_audit_tells_which_key_signs_instead_of_another_and_who_wanted_it(
    keeper: Keeper,
) -> None:
    assert await keeper.told() == []
    first, following = [key.kid for key in await keeper.stored()]
    await keeper.rotate(START + MINUTE)
    await keeper.keep(START + 2 * MINUTE)
    rotated = (Action.SIGNING_KEYS_ROTATED, following, "root")
    assert await keeper.told() == [rotated]
    await keeper.keep(START + 5 * MINUTE)
    taken_place = (Action.SIGNING_KEYS_ROTATED, following, "schedule")
    assert await keeper.told() == [rotated, taken_place]
    await keeper.keep(START + 30 * MINUTE)
    await keeper.revoke(following, START + 31 * MINUTE)
    revoked = (Action.SIGNING_KEY_REVOKED, following, "root")
    assert await keeper.told() == [rotated, taken_place, revoked]
    assert first not in {key.kid for key in await keeper.stored()}
    with pytest.raises(SigningKeyNotFound):
        await keeper.revoke(first, START + HOUR)
    assert len(await keeper.told()) == 3


@pytest.mark.usefixtures("started")
@pytest.mark.requirement("ASVS 11.2.2")
async def test_a_rotation_replaces_a_key_of_another_algorithm(keeper: Keeper) -> None:
    chosen = replace(keeper, policy=replace(keeper.policy, algorithm="Ed25519"))
    now = START + 30 * MINUTE
    assert await chosen.rotate(now) == now + 5 * MINUTE
    assert [key.algorithm for key in await chosen.stored()] == ["ES256", "Ed25519"]
    assert [key.public["kty"] for key in await chosen.stored()] == ["EC", "OKP"]


@pytest.mark.usefixtures("started")
async def test_the_key_that_signed_before_is_the_first(
    resources: Resources, keeper: Keeper
) -> None:
    async with resources.transaction() as tx:
        await forget_all(tx)
        await keep_keys(tx, policy=resources.signing_keys, now=START)
    assert (await keeper.stored())[0].kid == key_of(SIGNING).kid


@pytest.mark.usefixtures("started")
async def test_a_revoked_key_is_gone_and_the_next_signs_at_once(keeper: Keeper) -> None:
    first, following = await keeper.stored()
    now = START + MINUTE
    await keeper.revoke(first.kid, now)
    kept = await keeper.stored()
    assert kept[0].kid == following.kid
    assert await keeper.states(now) == [(ACTIVE, MINUTE), (NEXT, HOUR + MINUTE)]
    with pytest.raises(SigningKeyNotFound):
        await keeper.revoke(first.kid, now)


@pytest.mark.usefixtures("started")
async def test_all_keys_can_be_revoked_one_after_the_other(keeper: Keeper) -> None:
    gone = set()
    for minutes in range(4):
        for key in await keeper.stored():
            await keeper.revoke(key.kid, START + minutes * MINUTE)
            gone.add(key.kid)
    kept = await keeper.stored()
    assert not gone & {key.kid for key in kept}
    assert [state for state, _ in await keeper.states(START + 4 * MINUTE)] == [ACTIVE, NEXT]


@pytest.mark.usefixtures("started")
async def test_a_revoked_key_that_does_not_sign_changes_nothing_else(keeper: Keeper) -> None:
    await keeper.keep(START + HOUR)
    retired, active, following = await keeper.stored()
    await keeper.revoke(retired.kid, START + HOUR)
    assert await keeper.stored() == [active, following]
    await keeper.revoke(following.kid, START + HOUR)
    assert await keeper.states(START + HOUR) == [(ACTIVE, HOUR), (NEXT, 2 * HOUR)]


@pytest.mark.usefixtures("started")
async def test_private_parts_are_stored_encrypted_only(keeper: Keeper) -> None:
    ring = KeyRing(keeper.policy.sealer)
    stored = await keeper.stored()
    ring.use(stored)
    private = str(ring.signing_key(START).as_dict(private=True)["d"])
    assert private not in repr(stored)
    assert all("d" not in key.public for key in stored)
    assert all("d" not in key for key in ring.public_keys()["keys"])


@pytest.mark.usefixtures("started")
@pytest.mark.requirement("ASVS 11.2.2")
async def test_a_new_encryption_key_seals_again_what_the_former_has_sealed(
    keeper: Keeper,
) -> None:
    [former] = (each.get_secret_value() for each in keeper.resources.settings.encryption_keys)
    secret = "a newer encryption key of the tests"
    both, newest = Sealer([secret, former], "signing keys"), Sealer([secret], "signing keys")
    assert (
        await replace(keeper, policy=replace(keeper.policy, sealer=both)).keep(START) == Changes()
    )
    stored = await keeper.stored()
    assert {key.sealed_with for key in stored} == {newest.name}
    ring = KeyRing(newest)
    ring.use(stored)
    assert ring.signing_key(START).kid == stored[0].kid


@pytest.mark.usefixtures("started")
async def test_a_key_that_cannot_be_opened_still_verifies_and_signs_nothing(
    keeper: Keeper,
) -> None:
    ring = KeyRing(Sealer(["another encryption key of the tests"], "signing keys"))
    stored = await keeper.stored()
    ring.use(stored)
    assert [key["kid"] for key in ring.public_keys()["keys"]] == [key.kid for key in stored]
    with pytest.raises(SigningKeysUnknown):
        ring.signing_key(START)
    swapped = [replace(stored[0], sealed=stored[1].sealed), stored[1]]
    ring = KeyRing(keeper.policy.sealer)
    ring.use(swapped)
    with pytest.raises(SigningKeysUnknown):
        ring.signing_key(START)


@pytest.mark.usefixtures("started")
async def test_who_has_not_read_the_keys_lately_signs_nothing(
    resources: Resources, keeper: Keeper
) -> None:
    seconds = 1000.0
    ring = KeyRing(resources.signing_keys.sealer, clock=lambda: seconds)
    with pytest.raises(SigningKeysUnknown):
        ring.public_keys()
    stored = await keeper.stored()
    assert ring.use(stored)
    assert not ring.use(list(stored))
    seconds += STALE_SECONDS
    assert ring.signing_key(utc_now()).kid
    seconds += 1
    with pytest.raises(SigningKeysUnknown):
        ring.signing_key(utc_now())
    assert ring.public_keys()["keys"]


@dataclass
class World:
    """Processes that read keys when it pleases them, within what is promised, and their tokens."""

    keeper: Keeper
    chance: random.Random
    now: datetime = START
    rings: list[KeyRing] = field(default_factory=list)
    read_at: list[datetime] = field(default_factory=list)
    verifiers: list[UserTokens] = field(default_factory=list)
    fetched_at: list[datetime] = field(default_factory=list)
    tokens: list[tuple[datetime, str]] = field(default_factory=list)
    verified: int = 0
    kids: set[str] = field(default_factory=set)

    async def open(self) -> None:
        for _ in range(3):
            self.rings.append(KeyRing(self.keeper.policy.sealer, clock=self.clock))
            self.read_at.append(self.now)
            self.rings[-1].use(await self.keeper.stored())
            self.verifiers.append(UserTokens(ISSUER, AUDIENCE))
            self.fetched_at.append(self.now)
            self.verifiers[-1].use_keys(self.rings[-1].public_keys())

    def clock(self) -> float:
        return self.now.timestamp()

    async def step(self) -> None:
        self.now += self.chance.randint(1, 15) * SECOND
        for index, ring in enumerate(self.rings):
            if self.late(self.read_at[index], 45):
                ring.use(await self.keeper.stored())
                self.read_at[index] = self.now
        for index, verifier in enumerate(self.verifiers):
            if self.late(self.fetched_at[index], 60):
                verifier.use_keys(self.chance.choice(self.rings).public_keys())
                self.fetched_at[index] = self.now
        await self.operate()
        self.sign()
        self.verify()

    def late(self, since: datetime, most: int) -> bool:
        """Whether to read again: at the latest when the next step could be too late."""
        return self.chance.random() < 0.2 or self.now - since > (most - 15) * SECOND

    async def operate(self) -> None:
        if self.chance.random() < 0.2:
            many = self.chance.choice([1, 2])
            await asyncio.gather(*(self.keeper.keep(self.now) for _ in range(many)))
        if self.chance.random() < 0.03:
            algorithm: Any = self.chance.choice(["ES256", "Ed25519"])
            policy = replace(self.keeper.policy, algorithm=algorithm)
            await replace(self.keeper, policy=policy).rotate(self.now)

    def sign(self) -> None:
        # Clocks of processes differ by some seconds.
        moment = self.now + self.chance.randint(-10, 10) * SECOND
        ring = self.chance.choice(self.rings)
        signer = AccessTokenSigner(ring.signing_key, ISSUER, AUDIENCE, int(LIFE.total_seconds()))
        account = Account(id=new_id(), username="ada", roles=[])
        token = signer.sign(account, session_id=new_id(), auth_time=moment, amr=["pwd"], now=moment)
        self.kids.add(str(ring.signing_key(moment).kid))
        self.tokens.append((moment + LIFE, token))

    def verify(self) -> None:
        self.tokens = [each for each in self.tokens if each[0] > self.now]
        chosen = {0, len(self.tokens) - 1, self.chance.randrange(len(self.tokens))}
        for index in chosen:
            for verifier in self.verifiers:
                assert verifier.verify(self.tokens[index][1]).username == "ada"
                self.verified += 1


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_valid_token_is_refused_while_keys_change(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    world = World(keeper, random.Random(seed))  # noqa: S311 — to be the same each time.
    monkeypatch.setattr("time.time", world.clock)
    await world.open()
    for _ in range(500):
        await world.step()
    # More than an hour: it changed by schedule, and several times by command.
    assert world.now - START > HOUR
    assert len(world.kids) >= 4
    assert world.verified >= 1500


@pytest.mark.usefixtures("started")
async def test_after_a_revocation_only_what_the_key_signed_is_refused(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(keeper, random.Random(1))  # noqa: S311 — as above.
    monkeypatch.setattr("time.time", world.clock)
    await world.open()
    world.sign()
    [first, _] = await keeper.stored()
    await keeper.revoke(first.kid, world.now)
    ring, verifier = world.rings[0], world.verifiers[0]
    ring.use(await keeper.stored())
    stolen = world.tokens[0][1]
    # The next key was published long before: who does not know of the change yet accepts it too.
    world.rings = [ring]
    world.sign()
    world.tokens = world.tokens[1:]
    world.verify()
    verifier.use_keys(ring.public_keys())
    world.verify()
    with pytest.raises(InvalidToken):
        verifier.verify(stolen)
