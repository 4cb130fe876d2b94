"""Limits before routes: who asks too often is answered 429, before anything is done for it.

A route says `Depends(Limited(…), scope="function")`; what else it counts by, it asks `admit` for.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

from fastapi import Request
from prometheus_client import Counter

from common.errors import (
    AppError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    Unauthenticated,
)
from common.http.metrics import route_template
from common.http.opened import platform_of
from common.http.sources import source_of
from common.rate_limits.limiter import Claim, Refusal, Taken
from common.rate_limits.rates import Limit

ANSWER: Final = "X-Challenge-Answer"

# What tells that an attempt was one that counts; what we cannot do now is nobody's fault.
FAILURES: Final[tuple[type[AppError], ...]] = (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Unauthenticated,
)

type Instead = Callable[[Refusal], Awaitable[Sequence[Claim]]]

refused_total = Counter(
    "colonnade_limits_refused_total", "Requests that a limit refused.", ["limit", "route"]
)


class ChallengeRequired(RateLimited):
    """Waiting helps, too. The header `X-Challenge-Answer` of the same request has the solution."""

    code = "common.challenge_required"
    message = "Too many requests: solve the challenge, or wait."
    told = ("challenge",)


async def ask(request: Request, *claims: Claim, waived: bool = False) -> Taken | Refusal:
    """Take a turn of each limit for a request, and count a refusal."""
    outcome = await platform_of(request).limiter.take(*claims, waived=waived)
    if isinstance(outcome, Refusal):
        refused_total.labels(outcome.limit.name, route_template(request.scope)).inc()
    return outcome


async def admit(
    request: Request,
    *claims: Claim,
    error: type[RateLimited] = RateLimited,
    instead: Instead | None = None,
) -> Taken:
    """Take a turn of each limit for a request.

    Args:
        request: Who solves a challenge need not wait, except for the longest periods.
        claims: What is asked for.
        error: What is raised if it is refused.
        instead: Returns what is asked for in place of what was refused, if anything.

    Raises:
        RateLimited: A limit refuses it.
        ChallengeRequired: A limit refuses it unless a challenge is solved.
    """
    platform = platform_of(request)
    subject = source_of(request, platform.settings).address
    waived = False
    if platform.challenger is not None and ANSWER in request.headers:
        waived = await platform.challenger.check(request.headers[ANSWER], subject)
    outcome = await ask(request, *claims, waived=waived)
    if isinstance(outcome, Refusal) and instead is not None:
        others = await instead(outcome)
        outcome = await ask(request, *others, waived=waived) if others else outcome
    if isinstance(outcome, Taken):
        return outcome
    told: dict[str, Any] = {
        "retry_after_seconds": outcome.retry_after_seconds,
        "headers": outcome.headers,
    }
    if platform.challenger is not None and outcome.is_soft:
        raise ChallengeRequired(**told, challenge=await platform.challenger.make(subject))
    raise error(**told)


class Limited:
    """Dependency: a client, and its network, may do what a route does only so often.

    Args:
        name: Of what is done; routes with the same one are counted together.
        by: What to count by; the setting `limit_<name>_per_<by>` says how often.
        error: What the answer is otherwise.
        failures: Only attempts that end so count: others give their turns back. None: all count.

    Raises, when called:
        RateLimited: It has been done too often.
    """

    def __init__(
        self,
        name: str,
        *,
        by: Sequence[Literal["address", "network"]] = ("address", "network"),
        error: type[RateLimited] = RateLimited,
        failures: tuple[type[AppError], ...] | None = None,
    ) -> None:
        self._settings = {each: f"limit_{name}_per_{each}" for each in by}
        self._error = error
        self._failures = failures

    def claims(self, request: Request) -> list[Claim]:
        """Return what a request is counted by."""
        settings = platform_of(request).settings
        source = source_of(request, settings)
        return [
            Claim(Limit.set_by(settings, name), getattr(source, by))
            for by, name in self._settings.items()
        ]

    @asynccontextmanager
    async def attempt(
        self, request: Request, *more: Claim, instead: Instead | None = None
    ) -> AsyncIterator[None]:
        """Take the turns before the block, and give them back if it is none that counts."""
        claims = (*self.claims(request), *more)
        taken = await admit(request, *claims, error=self._error, instead=instead)
        try:
            yield
        except AppError as error:
            if self._failures is not None and not isinstance(error, self._failures):
                await platform_of(request).limiter.give_back(taken)
            raise
        if self._failures is not None:
            await platform_of(request).limiter.give_back(taken)

    async def __call__(self, request: Request) -> AsyncIterator[None]:
        async with self.attempt(request):
            yield


class TooManyUnknownKeys(RateLimited):
    code = "common.too_many_unknown_keys"
    message = "Too many unknown personal access tokens came from here; try again later."


# By the network alone: who guesses has more than one address, and who does not has valid ones.
unknown_keys: Final = Limited(
    "unknown_keys", by=["network"], error=TooManyUnknownKeys, failures=FAILURES
)
