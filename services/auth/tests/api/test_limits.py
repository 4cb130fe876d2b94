"""Who guesses is slowed down, the owner is not, and nobody learns by it who has an account."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import func, select

from auth_service.app import create_app
from auth_service.errors import PasswordsBusy
from auth_service.models import AuditEntry, LinkPurpose, MailRequest
from auth_service.resources import Resources
from auth_service.settings import Settings
from auth_service.usecases.passwords import Passwords
from common.http.limits import ANSWER
from common.testing.apps import client_of, running
from common.testing.conformance import assert_problem
from libs.common.tests.rate_limits.test_challenges import BITS, solved
from services.auth.tests.factories import (
    MAILED,
    PASSWORD,
    events_of,
    headers_of,
    log_in,
    logged_in,
    refresh,
    register,
    verify,
)

AUTH = "/api/v1/auth"
CODE = "auth.too_many_attempts"
HOME, ELSEWHERE = "203.0.113.7", "198.51.100.9"
WRONG = "not the password at all"
DEFAULTS = {
    name: field.default
    for name, field in Settings.model_fields.items()
    if name.startswith("limit_")
}


@asynccontextmanager
async def process(settings: Settings, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one more process, which limits as settings do by default."""
    app = create_app(settings.model_copy(update={**DEFAULTS, **changes}))
    async with running(app), client_of(app) as client:
        client.headers["X-Forwarded-For"] = ELSEWHERE
        yield client


@pytest_asyncio.fixture
async def strict(settings: Settings, app: object) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a process that limits as settings do by default."""
    async with process(settings) as client:
        yield client


def at(source: str) -> dict[str, str]:
    return {"X-Forwarded-For": source}


async def guess(
    client: httpx.AsyncClient, name: str = "ada", password: str = WRONG, source: str = ELSEWHERE
) -> httpx.Response:
    body = {"email": f"{name}@example.com", "password": password}
    return await client.post(f"{AUTH}/login", json=body, headers=at(source))


async def statuses(client: httpx.AsyncClient, times: int, **options: Any) -> list[int]:
    return [(await guess(client, **options)).status_code for _ in range(times)]


async def rows(resources: Resources, model: type[Any]) -> int:
    async with resources.transaction() as tx:
        counted = await tx.session.execute(select(func.count()).select_from(model))
        return int(counted.scalar_one())


class Clock:
    """The time by which turns end; it stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = float(int(time.time()))
        monkeypatch.setattr(time, "time", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.requirement("ASVS 6.3.1", "NIST 800-63B-4 3.1.1.2 guessing")
async def test_who_guesses_waits_longer_and_longer_but_an_hour_at_most(
    client: httpx.AsyncClient, strict: httpx.AsyncClient, resources: Resources, clock: Clock
) -> None:
    await logged_in(client, resources)
    waits = []
    for _ in range(3):
        assert await statuses(strict, 5) == [401] * 5
        answer = await guess(strict)
        assert assert_problem(answer, 429)["code"] == CODE
        waits.append(int(answer.headers["retry-after"]))
        clock.now += waits[-1]
    assert waits == [61, 540, 3000]


@pytest.mark.requirement("ASVS 6.3.1")
async def test_limits_say_the_same_of_accounts_that_are_and_are_not(
    client: httpx.AsyncClient, strict: httpx.AsyncClient, resources: Resources, clock: Clock
) -> None:
    await logged_in(client, resources)
    told = []
    for name in ("ada", "nobody"):
        answers = [await guess(strict, name) for _ in range(7)]
        problems = [answer.json() | {"request_id": None} for answer in answers]
        headers = [
            {each: answer.headers.get(each) for each in ("retry-after", "ratelimit")}
            for answer in answers
        ]
        told.append(([answer.status_code for answer in answers], problems, headers))
    assert told[0] == told[1]
    assert told[0][0] == [401] * 5 + [429] * 2


async def test_what_is_refused_hashes_nothing_and_leaves_no_trace(
    client: httpx.AsyncClient,
    strict: httpx.AsyncClient,
    resources: Resources,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await logged_in(client, resources)
    before = await rows(resources, AuditEntry)
    await statuses(strict, 5)
    monkeypatch.delattr(Passwords, "matches")
    assert await statuses(strict, 100) == [429] * 100
    assert await rows(resources, AuditEntry) == before + 5


async def test_logins_that_succeed_do_not_count(
    client: httpx.AsyncClient, strict: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    assert await statuses(strict, 30, password=PASSWORD) == [200] * 30
    assert await statuses(strict, 6, source=HOME) == [401] * 5 + [429]


async def test_who_could_not_be_checked_has_not_guessed(
    client: httpx.AsyncClient,
    strict: httpx.AsyncClient,
    resources: Resources,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await logged_in(client, resources)

    async def busy(*_: object) -> bool:
        raise PasswordsBusy

    with monkeypatch.context() as storm:
        storm.setattr(Passwords, "matches", busy)
        codes = [(await guess(strict)).json()["code"] for _ in range(10)]
        assert codes == ["auth.passwords_busy"] * 10
    assert await statuses(strict, 6) == [401] * 5 + [429]


@pytest.mark.requirement("ASVS 6.3.1")
async def test_in_a_storm_from_everywhere_the_owner_logs_in_where_they_are_known(
    client: httpx.AsyncClient, strict: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    assert await statuses(strict, 1, password=PASSWORD, source=HOME) == [200]
    sources = [f"198.18.{number}.1" for number in range(40)]
    storm = [(await guess(strict, source=source)).status_code for source in sources]
    assert storm == [401] * 5 + [429] * 35
    # Elsewhere nobody is told whether they had the right one.
    assert await statuses(strict, 1, password=PASSWORD) == [429]
    neighbour = HOME.replace(".7", ".8")
    assert await statuses(strict, 3, password=PASSWORD, source=neighbour) == [200] * 3
    # Who guesses from there has turns of their own, and no more.
    assert await statuses(strict, 6, source=HOME) == [401] * 5 + [429]
    assert await statuses(strict, 1, source="198.18.77.1") == [429]


@pytest.mark.requirement("ASVS 6.3.1", "NIST 800-63B-4 3.1.1.2 guessing")
async def test_of_fifty_guesses_at_once_at_two_replicas_five_are_looked_at(
    client: httpx.AsyncClient, strict: httpx.AsyncClient, resources: Resources, settings: Settings
) -> None:
    await logged_in(client, resources)
    async with process(settings) as other:
        answers = await asyncio.gather(*(guess((strict, other)[turn % 2]) for turn in range(50)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 45


@pytest.mark.requirement("ASVS 6.3.1")
async def test_with_redis_away_each_process_limits_by_itself(
    client: httpx.AsyncClient, resources: Resources, settings: Settings
) -> None:
    await logged_in(client, resources)
    away = {"cache_url": SecretStr("redis://127.0.0.1:1/0")}
    async with process(settings, **away) as one, process(settings, **away) as other:
        for each in (one, other):
            assert await statuses(each, 6) == [401] * 5 + [429]


@pytest.mark.requirement("ASVS 2.4.1", "ASVS 6.3.1")
async def test_an_address_and_a_network_try_only_so_many_accounts(
    settings: Settings, app: object
) -> None:
    few = {
        "limit_passwords_per_address": ["3 per minute"],
        "limit_passwords_per_network": ["5 per minute"],
    }
    async with process(settings, **few) as client:
        names = iter(f"person{number}" for number in range(100))
        codes = [(await guess(client, next(names))).status_code for _ in range(4)]
        assert codes == [401] * 3 + [429]
        near = ["198.51.100.10", "198.51.100.11", "198.51.100.12"]
        codes = [(await guess(client, next(names), source=each)).status_code for each in near]
        assert codes == [401, 401, 429]
        assert (await guess(client, next(names), source=HOME)).status_code == 401


async def test_who_holds_a_token_guesses_no_more_passwords_than_others(
    client: httpx.AsyncClient, strict: httpx.AsyncClient, resources: Resources
) -> None:
    headers = headers_of(await logged_in(client, resources))
    routes: list[tuple[str, dict[str, Any]]] = [
        ("reauthenticate", {"password": WRONG}),
        ("change-password", {"current_password": WRONG, "new_password": "x"}),
        ("change-email", {"email": "new@example.com", "password": WRONG}),
    ]
    answers = [
        await strict.post(f"{AUTH}/{path}", json=body, headers=headers)
        for _ in range(2)
        for path, body in routes
    ]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429]
    assert assert_problem(answers[-1])["code"] == CODE
    # A right password that comes now is not looked at either; the session goes on.
    right = {"password": PASSWORD}
    answer = await strict.post(f"{AUTH}/reauthenticate", json=right, headers=headers)
    assert answer.status_code == 429
    assert (await strict.get(f"{AUTH}/sessions", headers=headers)).status_code == 200


type Send = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


def posting(path: str, **body: Any) -> Send:
    return lambda client: client.post(f"{AUTH}/{path}", json=body)


@pytest.mark.parametrize(
    "send",
    [
        posting("refresh", refresh_token="x"),
        posting("verify-email", token="x"),
        posting("confirm-email", token="x"),
        posting("reset-password", token="x", password=PASSWORD),
        posting("email-login/code", nonce="x", code="000000"),
        posting("email-login/link", nonce="x", token="x"),
    ],
)
async def test_tokens_that_nobody_was_given_are_tried_only_so_often(
    settings: Settings, app: object, send: Send
) -> None:
    async with process(settings, limit_tokens_per_address=["3 per minute"]) as client:
        answers = [await send(client) for _ in range(4)]
    assert {answer.status_code for answer in answers[:3]} <= {401, 422}
    assert assert_problem(answers[3], 429)["code"] == CODE


async def test_who_refreshes_is_not_counted(
    client: httpx.AsyncClient, resources: Resources, settings: Settings
) -> None:
    tokens = await logged_in(client, resources)
    async with process(settings, limit_tokens_per_address=["1 per minute"]) as strict:
        for _ in range(5):
            answer = await refresh(strict, tokens)
            assert answer.status_code == 200
            tokens = answer.json()


@pytest.mark.parametrize(
    "path", ["register", "forgot-password", "resend-verification", "email-login"]
)
@pytest.mark.requirement("ASVS 2.4.1")
async def test_an_address_asks_for_only_so_many_mails(
    settings: Settings, app: object, path: str
) -> None:
    async with process(settings, limit_mails_per_address=["3 per minute"]) as client:
        answers = []
        for number in range(4):
            body = {"email": f"p{number}@example.com"}
            if path == "register":
                body |= {"username": f"person{number}", "password": PASSWORD}
            answers.append(await client.post(f"{AUTH}/{path}", json=body))
    assert [answer.status_code for answer in answers] == [202] * 3 + [429]
    assert answers[3].json()["code"] == CODE


@pytest.mark.parametrize("path", ["forgot-password", "resend-verification", "email-login"])
@pytest.mark.requirement("ASVS 2.3.2")
async def test_a_mailbox_is_not_flooded_and_the_answer_stays_the_same(
    client: httpx.AsyncClient, strict: httpx.AsyncClient, resources: Resources, path: str
) -> None:
    await logged_in(client, resources)
    for name in ("ada", "nobody"):
        before = await rows(resources, MailRequest)
        answers = []
        for number in range(6):
            # A tag makes no other mailbox.
            email = f"{name}+{number}@example.com" if number else f"{name}@example.com"
            headers = at(f"198.18.{number}.1")
            answers.append(
                await strict.post(f"{AUTH}/{path}", json={"email": email}, headers=headers)
            )
        assert {answer.status_code for answer in answers} == {202}
        assert len({str(answer.json() | {"nonce": None}) for answer in answers}) == 1
        assert await rows(resources, MailRequest) == before + 3


async def test_in_a_flood_the_owner_gets_their_own_mail_where_they_are_known(
    client: httpx.AsyncClient, strict: httpx.AsyncClient, resources: Resources
) -> None:
    await logged_in(client, resources)
    await log_in(strict)
    known = dict(strict.headers)
    body = {"email": "ada@example.com"}
    for number in range(6):
        headers = at(f"198.18.{number}.1")
        await strict.post(f"{AUTH}/email-login", json=body, headers=headers)
    flooded = await rows(resources, MailRequest)
    await strict.post(f"{AUTH}/email-login", json=body, headers=at("192.0.2.1"))
    assert await rows(resources, MailRequest) == flooded
    await strict.post(f"{AUTH}/email-login", json=body, headers=at(known["x-forwarded-for"]))
    assert await rows(resources, MailRequest) == flooded + 1


async def test_a_registration_that_is_refused_has_asked_for_no_mail(
    strict: httpx.AsyncClient, resources: Resources
) -> None:
    for _ in range(5):
        assert (await register(strict, password="too short")).status_code == 422
    assert (await register(strict)).status_code == 202
    assert len(await events_of(resources, MAILED[LinkPurpose.VERIFY_EMAIL])) == 1


async def test_a_registration_too_many_for_a_mailbox_counts_without_a_mail(
    strict: httpx.AsyncClient, resources: Resources
) -> None:
    for _ in range(4):
        assert (await register(strict)).status_code == 202
    purpose = LinkPurpose.VERIFY_EMAIL
    mailed = await events_of(resources, MAILED[purpose])
    assert len(mailed) == 3
    # What was mailed for somebody's former registrations does not make the last one theirs.
    for event in mailed:
        token = resources.links.token(UUID(event["link_id"]), purpose)
        assert (await verify(strict, token)).status_code == 422


def assert_challenge(answer: httpx.Response) -> dict[str, Any]:
    """What an answer gives to solve, which must give something."""
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (429, "common.challenge_required")
    challenge: dict[str, Any] = problem["challenge"]
    return challenge


async def test_who_proves_work_need_not_wait_but_for_the_hours_limit(
    client: httpx.AsyncClient, resources: Resources, settings: Settings
) -> None:
    await logged_in(client, resources)
    async with process(settings, challenge="hashcash", challenge_bits=BITS) as strict:
        assert await statuses(strict, 5) == [401] * 5
        for _ in range(10):
            problem = assert_challenge(await guess(strict))
            strict.headers[ANSWER] = solved(problem["token"])
            # Wrong, but looked at.
            assert (await guess(strict)).status_code == 401
            del strict.headers[ANSWER]
        assert assert_problem(await guess(strict), 429)["code"] == CODE
