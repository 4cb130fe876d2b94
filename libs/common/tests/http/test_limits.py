"""A route is asked only so often by a client, and by a network; before anything is done for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, Query
from prometheus_client import REGISTRY
from pydantic import Field

from common.errors import Conflict, Forbidden, RateLimited, Unavailable
from common.http.app import build_app
from common.http.limits import ANSWER, Limited
from common.rate_limits.rates import Rates
from common.settings import ServiceSettings
from common.testing.apps import client_of, running
from common.testing.conformance import assert_problem
from libs.common.tests.http.conftest import open_resources
from libs.common.tests.rate_limits.test_challenges import BITS, solved

router = APIRouter(prefix="/api/v1")


class TooManyDoors(RateLimited):
    code = "echo.too_many_doors"
    message = "Wait for {retry_after_seconds} seconds."


OUTCOMES = {
    "forbidden": Forbidden,
    "conflict": Conflict,
    "unavailable": Unavailable,
    "busy": RateLimited,
    "crash": RuntimeError,
}
done: list[str] = []


async def try_door(outcome: Annotated[str, Query()] = "") -> None:
    done.append(outcome)
    if outcome:
        raise OUTCOMES[outcome]


class DoorSettings(ServiceSettings):
    limit_doors_per_address: Rates = Field(["2 per minute", "4 per hour"])
    limit_doors_per_network: Rates = Field(["3 per minute"])
    limit_locks_per_address: Rates = Field(["2 per minute"])


DOORS = Limited("doors", error=TooManyDoors)
LOCKS = Limited("locks", by=["address"], error=TooManyDoors, failures=(Forbidden,))
GATES = Limited("doors", by=["address"], error=TooManyDoors)
for path, limited in {"/doors": DOORS, "/locks": LOCKS, "/gates": GATES}.items():
    router.post(path, dependencies=[Depends(limited, scope="function")])(try_door)


@asynccontextmanager
async def doors(settings: ServiceSettings, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a new process, which has counted nothing yet."""
    proxies = {"trusted_proxies": [ip_network("127.0.0.0/8")]}
    own = DoorSettings(**{**settings.model_dump(), **proxies, **changes})
    app = build_app(service="echo", settings=own, open_resources=open_resources, routers=[router])
    done.clear()
    async with running(app), client_of(app) as client:
        yield client


async def knock(
    client: httpx.AsyncClient, source: str = "203.0.113.1", door: str = "doors", **options: Any
) -> httpx.Response:
    headers = {"X-Forwarded-For": source, **options.pop("headers", {})}
    return await client.post(f"/api/v1/{door}", headers=headers, **options)


@pytest.mark.requirement("ASVS 2.4.1")
async def test_a_client_that_asks_too_often_is_refused_before_anything_is_done(
    settings: ServiceSettings,
) -> None:
    labels = {"limit": "limit_doors_per_address", "route": "/api/v1/doors"}
    before = REGISTRY.get_sample_value("colonnade_limits_refused_total", labels) or 0
    async with doors(settings) as client:
        for _ in range(2):
            assert (await knock(client)).status_code == 200
        answer = await knock(client)
        assert assert_problem(answer, 429)["code"] == "echo.too_many_doors"
        assert 1 <= int(answer.headers["retry-after"]) <= 61
        assert answer.headers["ratelimit-policy"] == '"limit_doors_per_address";q=2;w=60'
        assert answer.headers["ratelimit"].startswith('"limit_doors_per_address";r=0;t=')
        assert len(done) == 2
    after = REGISTRY.get_sample_value("colonnade_limits_refused_total", labels)
    assert after == before + 1


async def test_a_network_is_limited_beside_its_addresses(settings: ServiceSettings) -> None:
    async with doors(settings) as client:
        for last in (1, 2, 3):
            assert (await knock(client, f"203.0.113.{last}")).status_code == 200
        answer = await knock(client, "203.0.113.4")
        assert answer.headers["ratelimit"].startswith('"limit_doors_per_network"')
        assert (await knock(client, "198.51.100.1")).status_code == 200


async def test_nobody_gets_more_turns_by_saying_to_be_another(settings: ServiceSettings) -> None:
    async with doors(settings, trusted_proxies=[]) as client:
        answers = [await knock(client, f"203.0.{number}.1") for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]


async def test_of_ipv6_all_that_one_client_has_are_one_address(settings: ServiceSettings) -> None:
    async with doors(settings) as client:
        answers = [await knock(client, f"2001:db8::{number}") for number in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert (await knock(client, "2001:db8:0:1::1")).status_code == 200


@pytest.mark.parametrize("outcome", ["", "conflict", "unavailable", "busy"])
async def test_what_has_not_failed_does_not_count_where_the_limit_is_of_failures(
    settings: ServiceSettings, outcome: str
) -> None:
    async with doors(settings) as client:
        for _ in range(5):
            await knock(client, door="locks", params={"outcome": outcome})
    assert len(done) == 5


@pytest.mark.parametrize("outcome", ["forbidden", "crash"])
async def test_what_has_failed_counts(settings: ServiceSettings, outcome: str) -> None:
    async with doors(settings) as client:
        for _ in range(5):
            await knock(client, door="locks", params={"outcome": outcome})
    assert len(done) == 2


async def challenge_of(client: httpx.AsyncClient) -> dict[str, Any]:
    """What a refused client is given to solve."""
    answer = await knock(client, door="gates")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == "common.challenge_required"
    challenge: dict[str, Any] = problem["challenge"]
    return challenge


async def test_who_solves_a_challenge_need_not_wait_but_for_the_longest_period(
    settings: ServiceSettings,
) -> None:
    async with doors(settings, challenge="hashcash", challenge_bits=BITS) as client:
        for _ in range(2):
            assert (await knock(client, door="gates")).status_code == 200
        for _ in range(2):
            solution = {ANSWER: solved((await challenge_of(client))["token"])}
            answers = [await knock(client, door="gates", headers=solution) for _ in range(2)]
            # Once, and not again.
            assert [answer.status_code for answer in answers] == [200, 429]
        answer = await knock(client, door="gates", headers=solution)
        assert assert_problem(answer, 429)["code"] == "echo.too_many_doors"


async def test_a_challenge_is_for_whom_it_was_made(settings: ServiceSettings) -> None:
    async with doors(settings, challenge="hashcash", challenge_bits=BITS) as client:
        for source in ("203.0.113.1", "198.51.100.1"):
            for _ in range(2):
                await knock(client, source, door="gates")
        solution = {ANSWER: solved((await challenge_of(client))["token"])}
        stolen = await knock(client, "198.51.100.1", door="gates", headers=solution)
        assert stolen.status_code == 429
        assert (await knock(client, door="gates", headers=solution)).status_code == 200


async def test_without_the_setting_there_is_nothing_to_solve(settings: ServiceSettings) -> None:
    async with doors(settings) as client:
        for _ in range(2):
            await knock(client, door="gates")
        answer = await knock(client, door="gates", headers={ANSWER: "1.2.3.4"})
        assert assert_problem(answer, 429)["code"] == "echo.too_many_doors"
