"""Hashing takes long: nothing else waits for it, and nobody waits for it for long."""

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher, extract_parameters
from sqlalchemy import AsyncAdaptedQueuePool, update
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from auth_service.errors import CredentialsInvalid, PasswordsBusy, PasswordTooCommon
from auth_service.models import Account
from auth_service.resources import Resources
from auth_service.usecases.accounts import register_account
from auth_service.usecases.breached import Bloom, load_breached
from auth_service.usecases.passwords import MINIMUM_LENGTH, Passwords
from auth_service.usecases.sessions import Client, log_in
from common.clock import utc_now
from services.auth.tests.factories import PASSWORD, account, logged_in
from services.auth.tests.factories import log_in as send_login


class Watch(Passwords):
    """Passwords that note how many connections are in use while one is hashed."""

    def __init__(self, resources: Resources, thread: ThreadPoolExecutor) -> None:
        super().__init__(PasswordHasher(1, 64, 1), thread)
        pool = resources.platform.database.engine.pool
        assert isinstance(pool, AsyncAdaptedQueuePool)
        self._in_use = pool.checkedout
        self.held: list[int] = []

    async def hash_new(self, password: str, *, related: list[str], field: str = "password") -> str:
        self.held.append(self._in_use())
        return await super().hash_new(password, related=related, field=field)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        self.held.append(self._in_use())
        return await super().matches(password, password_hash)

    async def renewed(self, password: str, password_hash: str) -> str | None:
        self.held.append(self._in_use())
        return await super().renewed(password, password_hash)


class Slow(PasswordHasher):
    """A hasher that is busy until it is told to end."""

    def __init__(self) -> None:
        super().__init__(1, 64, 1)
        self.end = Event()

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:  # noqa: A002 — its name.
        self.end.wait()
        return super().verify(hash, password)


async def register(resources: Resources, watch: Watch) -> None:
    async with resources.transaction() as tx:
        await register_account(
            tx,
            usernames=resources.usernames,
            passwords=watch,
            email="grace@example.com",
            username="grace",
            password=PASSWORD,
            mail=True,
            link_seconds=60,
            now=utc_now(),
        )


async def enter(resources: Resources, watch: Watch, password: str = PASSWORD) -> None:
    async with resources.transaction() as tx:
        await log_in(
            tx,
            logins=resources.logins,
            policy=resources.sessions,
            passwords=watch,
            email="ada@example.com",
            password=password,
            client=Client("", None),
            now=utc_now(),
        )


async def test_no_connection_is_held_while_a_password_is_hashed(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    with ThreadPoolExecutor(1) as thread:
        watch = Watch(resources, thread)
        await register(resources, watch)
        await enter(resources, watch)
        with pytest.raises(CredentialsInvalid):
            await enter(resources, watch, password="wrong")
    assert watch.held == [0, 0, 0, 0]


@pytest.mark.requirement("ASVS 6.2.4", "NIST 800-63B-4 3.1.1.2 blocklist")
async def test_every_listed_password_that_is_long_enough_is_refused(resources: Resources) -> None:
    listed = [each for each in FREQUENCY_LISTS["passwords"] if len(each) >= MINIMUM_LENGTH]
    assert len(listed) > 20
    for password in listed:
        with pytest.raises(PasswordTooCommon):
            await resources.passwords.hash_new(password, related=[])


async def test_who_comes_when_all_places_are_taken_has_to_come_again() -> None:
    hasher = Slow()
    password_hash = hasher.hash(PASSWORD)
    with ThreadPoolExecutor(1) as thread:
        passwords = Passwords(hasher, thread, places=2)
        inside = [asyncio.create_task(passwords.matches(PASSWORD, password_hash)) for _ in "ab"]
        await asyncio.sleep(0)
        with pytest.raises(PasswordsBusy):
            await passwords.matches(PASSWORD, password_hash)
        hasher.end.set()
        assert await asyncio.gather(*inside) == [True, True]
        assert await passwords.matches(PASSWORD, password_hash)


async def test_who_leaves_frees_the_place() -> None:
    hasher = Slow()
    with ThreadPoolExecutor(1) as thread:
        passwords = Passwords(hasher, thread, places=1)
        leaving = asyncio.create_task(passwords.matches(PASSWORD, None))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        hasher.end.set()
        assert not await passwords.matches(PASSWORD, None)


@pytest.mark.requirement("ASVS 11.2.2", "ASVS 11.4.2", "NIST 800-63B-4 3.1.1.2 storage")
async def test_a_login_renews_a_hash_of_other_parameters(
    client: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    async with resources.transaction() as tx:
        old = PasswordHasher(3, 128, 2).hash(PASSWORD)
        await tx.session.execute(update(Account).values(password_hash=old))
    assert (await send_login(client, password="not the password at all")).status_code == 401
    for _ in range(2):
        assert (await send_login(client)).status_code == 200
        stored = await account(resources)
        assert stored is not None
        assert stored.password_hash.startswith("$argon2id$")
        parameters = extract_parameters(stored.password_hash)
        settings = resources.settings
        assert (parameters.time_cost, parameters.memory_cost, parameters.parallelism) == (
            settings.argon2_iterations,
            settings.argon2_memory_kib,
            settings.argon2_parallelism,
        )


@pytest.mark.requirement("ASVS 6.2.4", "ASVS 6.2.12", "NIST 800-63B-4 3.1.1.2 blocklist")
async def test_a_password_that_leaked_is_refused_in_any_case(resources: Resources) -> None:
    for leaked in ("yourguardianangel", "YourGuardianAngel", "voluevaleksandr"):
        with pytest.raises(PasswordTooCommon, match="leaked"):
            await resources.passwords.hash_new(leaked, related=[])


def test_the_filter_forgets_no_password_and_makes_hardly_any_up() -> None:
    known = Bloom.of([f"password number {n}" for n in range(10_000)])
    assert all(f"password number {n}" in known for n in range(10_000))
    assert sum(f"another one, number {n}" in known for n in range(100_000)) <= 2
    assert sum(f"another one, number {n}" in load_breached() for n in range(10_000)) <= 1


@pytest.mark.requirement("ASVS 6.2.4")
def test_the_list_holds_more_than_the_3000_most_common_passwords_that_are_long_enough() -> None:
    set_bits = sum(byte.bit_count() for byte in load_breached().bits)
    size = 8 * len(load_breached().bits)
    # How many must have set them: each sets about 20 of them (Swamidass, Baldi 2007).
    assert -size / 20 * math.log(1 - set_bits / size) > 3000
