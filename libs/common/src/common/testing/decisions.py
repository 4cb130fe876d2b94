"""Who may call what, as a table decides it: callers.toml among the tests of a service."""

import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict

from common.http.openapi import INTERNAL_FILE, PUBLIC_FILE

TABLE: Final = "callers.toml"

# Whom a thing belongs to comes last: they may end it, or the sessions of others here.
type Caller = Literal[
    "nobody",
    "service",
    "expired",
    "revoked",
    "scopeless",
    "other",
    "moderator",
    "support",
    "admin",
    "personal",
    "impersonator",
    "user",
]
CALLERS: Final[Sequence[Caller]] = get_args(Caller.__value__)
_STAFF: Final = ("moderator", "support", "admin")


class Decision(BaseModel):
    """Who may call a route.

    Attributes:
        to: `everybody`: no token is read. `anybody`: a token may be absent, and not bad. `users`:
            a session or a personal access token. `sessions`: a session. `services`: a service.
        roles: Only users with one of these roles.
        others: The code that users get for what belongs to another.
        impersonators: The code that is got by whoever acts in the name of a user.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: Literal["everybody", "anybody", "users", "sessions", "services"]
    roles: tuple[Literal["admin", "moderator", "support"], ...] = ()
    others: str | None = None
    impersonators: str | None = None

    def refusal(self, caller: Caller) -> str | None:
        """Return the code that a caller gets; None if the route serves them."""
        if self.to == "everybody":
            return None
        if caller == "nobody":
            return None if self.to == "anybody" else "common.unauthenticated"
        if self.to == "services":
            return None if caller == "service" else "common.invalid_token"
        if caller in ("service", "expired", "revoked"):
            return "common.invalid_token"
        return self._refusal_of_program(caller) or self._refusal_of_person(caller)

    def _refusal_of_program(self, caller: Caller) -> str | None:
        if caller in ("personal", "scopeless") and self.to == "sessions":
            return "common.session_required"
        return "common.insufficient_scope" if caller == "scopeless" else None

    def _refusal_of_person(self, caller: Caller) -> str | None:
        if caller == "impersonator" and self.impersonators:
            return self.impersonators
        if self.roles:
            return None if caller in self.roles else "common.forbidden"
        return self.others if caller in ("other", *_STAFF) else None


class Table(BaseModel):
    """The decisions of a service; `hidden` are its routes that no document shows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hidden: tuple[str, ...] = ()
    routes: dict[str, Decision]


@dataclass(frozen=True, slots=True)
class DocumentedRoute:
    """A route as a document names it."""

    name: str
    method: str
    path: str


def read_table(folder: Path) -> Table:
    """Return the decisions of the service whose folder this is."""
    text = (folder / "tests" / TABLE).read_text(encoding="utf-8")
    return Table.model_validate(tomllib.loads(text))


def documented_routes(folder: Path) -> Iterator[DocumentedRoute]:
    """Yield the routes of the documents that a service commits."""
    for file in filter(Path.exists, (folder / PUBLIC_FILE, folder / INTERNAL_FILE)):
        document = json.loads(file.read_text(encoding="utf-8"))
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                yield DocumentedRoute(operation["operationId"], method.upper(), path)


def documented_names(folder: Path) -> list[str]:
    """Return the names of all routes of the documents that a service commits."""
    return [route.name for route in documented_routes(folder)]
