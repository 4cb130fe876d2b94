"""Hashing takes long: nothing else waits for it."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from argon2 import PasswordHasher
from sqlalchemy import AsyncAdaptedQueuePool

from auth_service.errors import CredentialsInvalid
from auth_service.resources import Resources
from auth_service.usecases.accounts import register_account
from auth_service.usecases.passwords import Passwords
from auth_service.usecases.sessions import log_in
from common.clock import utc_now
from services.auth.tests.factories import PASSWORD, logged_in


class Watch(Passwords):
    """Passwords that note how many connections are in use while one is hashed."""

    def __init__(self, resources: Resources, thread: ThreadPoolExecutor) -> None:
        super().__init__(PasswordHasher(1, 64, 1), thread)
        pool = resources.platform.database.engine.pool
        assert isinstance(pool, AsyncAdaptedQueuePool)
        self._in_use = pool.checkedout
        self.held: list[int] = []

    async def hash_new(self, password: str, *, related: list[str]) -> str:
        self.held.append(self._in_use())
        return await super().hash_new(password, related=related)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        self.held.append(self._in_use())
        return await super().matches(password, password_hash)


async def register(resources: Resources, watch: Watch) -> None:
    async with resources.transaction() as tx:
        await register_account(
            tx,
            passwords=watch,
            email="grace@example.com",
            username="grace",
            password=PASSWORD,
            link_seconds=60,
            now=utc_now(),
        )


async def enter(resources: Resources, watch: Watch, password: str = PASSWORD) -> None:
    async with resources.transaction() as tx:
        await log_in(
            tx,
            open_reads=resources.reads,
            policy=resources.sessions,
            passwords=watch,
            email="ada@example.com",
            password=password,
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
    assert watch.held == [0, 0, 0]
