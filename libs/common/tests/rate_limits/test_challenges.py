"""A proof of work is for one client, once, for a while; a setting may name something else."""

import time
from collections.abc import Mapping
from hashlib import sha256
from itertools import count
from typing import Any

import pytest

from common.rate_limits.challenges import HASHCASH, LIFE_SECONDS, Hashcash, open_challenger
from common.rate_limits.limiter import Limiter
from common.settings import ServiceSettings
from common.testing.apps import settings_values

BITS = 8


class Captcha:
    """What a team could plug in."""

    async def make(self, subject: str) -> Mapping[str, Any]:
        return {"kind": "captcha", "site": f"of {subject}"}

    async def check(self, answer: str, subject: str) -> bool:
        return answer == f"solved by {subject}"


def open_captcha(settings: ServiceSettings, limiter: Limiter) -> Captcha:
    return Captcha()


def solved(token: str, bits: int = BITS, *, right: bool = True) -> str:
    """The token with its solution, or with a text that is none."""
    for number in count():
        answer = f"{token}.{number}"
        digest = int.from_bytes(sha256(answer.encode()).digest())
        if (digest >> (256 - bits) == 0) is right:
            return answer
    raise AssertionError


@pytest.fixture
def hashcash() -> Hashcash:
    return Hashcash(b"secret", BITS, Limiter("echo", None, 1))


async def test_a_solution_counts_once(hashcash: Hashcash) -> None:
    made = await hashcash.make("ada")
    assert (made["kind"], made["bits"], made["expires_in"]) == ("hashcash", BITS, LIFE_SECONDS)
    answer = solved(made["token"])
    assert await hashcash.check(answer, "ada")
    assert not await hashcash.check(answer, "ada")
    # Another solution of the same token is none either.
    assert not await hashcash.check(solved(f"{made['token']}"), "ada")


async def test_no_answer_counts_that_is_wrong_or_anothers(hashcash: Hashcash) -> None:
    token = (await hashcash.make("ada"))["token"]
    assert not await hashcash.check(solved(token, right=False), "ada")
    assert not await hashcash.check(solved(token), "grace")
    assert await hashcash.check(solved(token), "ada")


async def test_no_answer_counts_that_is_forged(hashcash: Hashcash) -> None:
    easy = Hashcash(b"secret", 1, Limiter("echo", None, 1))
    other = Hashcash(b"another secret", BITS, Limiter("echo", None, 1))
    for forger in (easy, other):
        assert not await hashcash.check(solved((await forger.make("ada"))["token"]), "ada")
    expires, *rest = (await hashcash.make("ada"))["token"].split(".")
    later = ".".join([str(int(expires) + 1), *rest])
    assert not await hashcash.check(solved(later), "ada")


async def test_no_answer_counts_that_is_late(
    hashcash: Hashcash, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = solved((await hashcash.make("ada"))["token"])
    moment = time.time() + LIFE_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: moment)
    assert not await hashcash.check(answer, "ada")


@pytest.mark.parametrize(
    "garbage", ["", ".", "...", "1.2.3.4", "9" * 400 + ".a.b.c", "²³.a.b.c", "é.é.é.é", "a.b.c.d.e"]
)
async def test_garbage_is_no_answer(hashcash: Hashcash, garbage: str) -> None:
    assert not await hashcash.check(garbage, "ada")


def settings(challenge: str | None) -> ServiceSettings:
    values = settings_values(
        "echo", database_url="postgresql://x", streams_url="redis://x", peers=["echo"]
    )
    return ServiceSettings(**values, challenge=challenge, challenge_bits=BITS)


async def test_a_setting_names_what_is_solved() -> None:
    limiter = Limiter("echo", None, 1)
    assert open_challenger(settings(None), limiter) is None
    captcha = open_challenger(settings(f"{__name__}:open_captcha"), limiter)
    assert captcha is not None
    assert await captcha.check("solved by ada", "ada")


async def test_all_replicas_of_a_service_take_the_same_answers() -> None:
    one, other = (open_challenger(settings(HASHCASH), Limiter("echo", None, 1)) for _ in range(2))
    assert one is not None
    assert other is not None
    assert await other.check(solved((await one.make("ada"))["token"]), "ada")


@pytest.mark.parametrize("wrong", ["no.such.module:thing", "common.settings:nothing", "!"])
def test_what_is_not_there_shows_at_the_start(wrong: str) -> None:
    with pytest.raises((ImportError, AttributeError, ValueError)):
        open_challenger(settings(wrong), Limiter("echo", None, 1))
