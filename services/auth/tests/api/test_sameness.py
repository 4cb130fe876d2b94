"""Nobody learns by the work of an answer who has an account: it is the same for every address.

`make bench-auth` compares the times that follow from it.
"""

import asyncio
from collections.abc import Callable
from itertools import islice
from threading import Event
from typing import Any

import httpx
import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters

from auth_service.resources import Resources
from auth_service.settings import Settings
from common.testing.conformance import assert_problem
from common.testing.statements import remembered
from services.auth.tests.factories import PASSWORD, log_in, logged_in, register, registration

WRONG = "not the password at all"


class Noted(PasswordHasher):
    """Notes what is hashed, and with which parameters."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            settings.argon2_iterations, settings.argon2_memory_kib, settings.argon2_parallelism
        )
        self.work: list[tuple[str, int, Parameters]] = []

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        made = super().hash(password, salt=salt)
        self.work.append(("hash", len(password), extract_parameters(made)))
        return made

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:  # noqa: A002 — its name.
        parameters = extract_parameters(hash if isinstance(hash, str) else hash.decode())
        self.work.append(("verify", len(password), parameters))
        return super().verify(hash, password)


class Held(PasswordHasher):
    """A hasher that is busy until it is told to go on."""

    def __init__(self) -> None:
        super().__init__(1, 64, 1)
        self.begun = 0
        self.go_on = Event()

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:  # noqa: A002 — its name.
        self.begun += 1
        self.go_on.wait()
        return super().verify(hash, password)


def wrong_login(name: str, _turn: int) -> dict[str, Any]:
    return {"email": f"{name}@example.com", "password": WRONG}


def registering(name: str, turn: int) -> dict[str, Any]:
    return registration(name, username=f"{name}_{turn}")


def address(name: str, _turn: int) -> dict[str, Any]:
    return {"email": f"{name}@example.com"}


@pytest.mark.parametrize(
    ("path", "body", "status", "hashed"),
    [
        ("login", wrong_login, 401, ["verify"]),
        ("register", registering, 202, ["hash"]),
        ("forgot-password", address, 202, []),
        ("resend-verification", address, 202, []),
        ("email-login", address, 202, []),
    ],
    ids=["login", "register", "forgot", "resend", "by mail"],
)
async def test_every_address_costs_the_same_statements_and_the_same_hashing(
    client: httpx.AsyncClient,
    resources: Resources,
    monkeypatch: pytest.MonkeyPatch,
    *,
    path: str,
    body: Callable[[str, int], dict[str, Any]],
    status: int,
    hashed: list[str],
) -> None:
    await logged_in(client, resources, "known")
    await register(client, "unverified")
    settings = resources.settings
    hasher = Noted(settings)
    monkeypatch.setattr(resources.passwords, "_hasher", hasher)
    runs = []
    for turn in range(2):
        # Whoever registers is known afterwards, if not verified.
        for name in ("known", "unverified", f"unknown{turn}"):
            hasher.work.clear()
            async with remembered(resources.platform.database.engine) as executed:
                answer = await client.post(f"/api/v1/auth/{path}", json=body(name, turn))
            assert answer.status_code == status
            runs.append(([text for text, _ in executed], list(hasher.work)))
    statements, work = runs[0]
    assert statements
    assert [kind for kind, *_ in work] == hashed
    assert all(run == runs[0] for run in runs)
    for _, _, used in work:
        assert (used.time_cost, used.memory_cost, used.parallelism) == (
            settings.argon2_iterations,
            settings.argon2_memory_kib,
            settings.argon2_parallelism,
        )


async def test_a_storm_of_logins_takes_its_places_alone_and_is_bounded(
    client: httpx.AsyncClient, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    await logged_in(client, resources)
    held, threads = Held(), resources.settings.password_threads
    monkeypatch.setattr(resources.passwords, "_hasher", held)
    places = threads + resources.settings.password_queue
    storm = [asyncio.create_task(log_in(client, f"user{n}")) for n in range(places + 20)]
    try:
        # Those with a place wait, so whoever is answered has none.
        for first in islice(asyncio.as_completed(storm, timeout=30), 20):
            refused = await first
            assert assert_problem(refused, 429)["code"] == "auth.passwords_busy"
            assert int(refused.headers["retry-after"]) > 0
        # No more are hashed than there are threads, and nobody else waits for them.
        assert held.begun == threads
        async with remembered(resources.platform.database.engine) as executed:
            assert_problem(await log_in(client), 429)
        assert executed == []
        assert (await client.get("/healthz")).status_code == 200
        forgotten = {"email": "ada@example.com"}
        answer = await client.post("/api/v1/auth/forgot-password", json=forgotten)
        assert answer.status_code == 202
    finally:
        held.go_on.set()
    others = await asyncio.gather(*storm)
    assert [each.status_code for each in others].count(401) == places
    assert (await log_in(client, password=PASSWORD)).status_code == 200
