"""Rates as settings say them: `5 per minute`, `10 per 10 minutes`. No rate is no limit."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from limits import RateLimitItem, parse
from pydantic import AfterValidator
from pydantic_settings import BaseSettings


@dataclass(frozen=True, slots=True)
class Limit:
    """How often something may be done: by each rate of these, the shortest period first.

    So one waits the longer, the more often one has tried: until the first period is over, then
    until the next one is, and never longer than the last one.
    """

    name: str
    rates: tuple[RateLimitItem, ...]

    @classmethod
    def of(cls, name: str, rates: Sequence[str]) -> "Limit":
        """Return the limit of this name and these rates."""
        return _limit(name, tuple(rates))

    @classmethod
    def set_by(cls, settings: BaseSettings, name: str) -> "Limit":
        """Return the limit that a setting describes; it is called as the setting is."""
        return cls.of(name, getattr(settings, name))


@cache  # A process knows as many as it has settings, and asks for them with each request.
def _limit(name: str, rates: tuple[str, ...]) -> Limit:
    return Limit(name, tuple(sorted(map(parse, rates), key=RateLimitItem.get_expiry)))


def _checked(rates: list[str]) -> list[str]:
    for rate in rates:
        parse(rate)
    return rates


Rates = Annotated[list[str], AfterValidator(_checked)]
