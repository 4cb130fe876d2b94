"""What the benchmark of auth makes of times, of memory, and of answers in a storm."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bench.auth.bare import BareJob, rate_of
from bench.auth.measures import ASKED, Logins, Storm
from bench.auth.ranks import RanksJob, Times, area, measure
from bench.auth.report import Results, drift
from bench.auth.storm import StormJob, Weathered, weather
from bench.auth.verification import remembered_microseconds
from bench.report import Target, render
from bench.routes.load import UnexpectedAnswer
from bench.routes.requests import Request
from tests.bench.servers import BUSY, OK, server

LIMITED = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nContent-Length: 4\r\n\r\nbusy"
WEATHERED = Weathered(50, (900, 1300), 100, (5, 20), (2, 150, 300), {})
STORM = Storm(150, WEATHERED, (100.0, 119.0, 138.0) * 10, 1000, 850, 0, 0)


def text(path: str = "/") -> str:
    return Request(path).encode().decode("latin-1")


def judged(**found: Any) -> dict[str, Target]:
    return {target.what: target for target in Results(**found).targets()}


@pytest.mark.parametrize(
    ("some", "others", "expected"),
    [
        ([2, 3], [0, 1], 1.0),
        ([0, 1], [2, 3], 0.0),
        ([1, 1], [1, 1, 1], 0.5),
        ([1, 4], [2, 3], 0.5),
        ([2, 3], [1, 2], 0.875),
    ],
)
def test_the_area_is_the_share_of_pairs_in_order_and_half_of_the_ties(
    some: list[float], others: list[float], expected: float
) -> None:
    assert area(some, others) == expected
    assert area(others, some) == 1 - expected
    assert Times(some, others).distance == abs(expected - 0.5)


def test_memory_that_only_swings_does_not_move() -> None:
    assert drift([100, 138, 119] * 20) == 0
    assert drift([100 + n for n in range(50)]) == 40
    assert drift([150] * 10 + [138] * 40) == 12


async def test_known_and_unknown_are_asked_about_each_once_and_the_warm_up_is_not_counted() -> None:
    seen: list[bytes] = []

    def answering(request: bytes) -> tuple[bytes, ...]:
        seen.append(request.split()[1])
        return (OK,)

    async with server(answering) as port:
        known, unknown = ([text(f"/{kind}{n}") for n in range(30)] for kind in "ku")
        job = RanksJob(port, 200, [text("/w")] * 3, known, unknown)
        times = await asyncio.to_thread(measure, job)
        with pytest.raises(UnexpectedAnswer):
            await asyncio.to_thread(measure, replace(job, status=401))
    assert (len(times.known), len(times.unknown)) == (30, 30)
    assert seen[:3] == [b"/w"] * 3
    assert len({*seen[3:63]}) == 60
    # Mixed: neither kind comes first.
    assert 5 < sum(path.startswith(b"/k") for path in seen[3:33]) < 25


async def test_a_storm_counts_logins_refusals_and_whatever_else_comes() -> None:
    answers = {b"/in": OK, b"/later": LIMITED, b"/broken": BUSY, b"/healthz": OK}

    def answering(request: bytes) -> tuple[bytes, ...]:
        return (answers[request.split()[1]],)

    async with server(answering) as port:
        paths = ("/in", "/later", "/later", "/broken")
        requests = [text(path) for path in paths]
        found = await weather(StormJob(port, requests, text("/healthz"), 200, 1.0))
    sent = found.accepted + found.refused + found.wrong["503"]
    assert sent > 50
    assert found.refused == pytest.approx(2 * found.accepted, abs=2)
    # Refused without Retry-After.
    assert found.wrong == {"503": pytest.approx(found.accepted, abs=1)}
    assert 0 < found.probe_ms[0] <= found.probe_ms[1] <= found.probe_ms[2]


async def test_a_server_that_closes_connections_is_wrong_and_ends_nothing() -> None:
    def answering(request: bytes) -> tuple[bytes, ...]:
        return (OK,) if b"/healthz" in request else ()

    async with server(answering) as port:
        found = await weather(StormJob(port, [text("/in")], text("/healthz"), 50, 0.5))
    assert found.accepted == 0
    assert found.wrong["connection closed"] > 0


def test_logins_are_compared_with_the_bare_hash_of_their_round() -> None:
    found = judged(logins=[Logins(50, 40, 1, 1, 1, 0), Logins(60, 57, 1, 1, 1, 0)])
    target = found["logins a second beside bare Argon2id"]
    assert target.measured == pytest.approx(87.5)
    assert (target.met, target.goal_met) == (True, False)


def test_a_storm_is_judged_by_probes_memory_reads_and_answers() -> None:
    found = judged(storms=[STORM])
    assert all(target.met for target in found.values())
    assert found["storm: `/healthz`, p99"].measured == 150
    assert found["storm: reads of posts beside those before"].measured == 85
    worse = replace(STORM, weathered=replace(WEATHERED, wrong={"504": 1}), reads=700)
    found = judged(storms=[worse])
    assert {what for what, target in found.items() if not target.met} == {
        "storm: reads of posts beside those before",
        "storm: neither a login nor 429 or 503 with Retry-After",
    }


def test_what_others_disturbed_is_named_and_what_was_not_measured_is_not_judged() -> None:
    assert Results().targets() == []
    shown = render(Results(storms=[replace(STORM, foreign=0.5)], verification=[2.0]))
    assert "disturbed: storm: others took 0.50 cores" in shown
    assert "verification of a remembered token" in shown


def test_requests_about_known_and_unknown_addresses_have_the_same_length() -> None:
    for asked in ASKED.values():
        texts = (asked.request(name, 20_000) for name in ("known00001", "lother0001"))
        assert len({len(each) for each in texts}) == 1


def test_bare_hashing_and_remembered_tokens_are_measured() -> None:
    assert rate_of(BareJob(0.01, 1, 64, 1)) > 1
    assert remembered_microseconds() > 0
