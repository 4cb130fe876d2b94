"""What a service and an aggregate may be called, decided before anything is written.

A service's name becomes a package, a role and a schema of PostgreSQL, a prefix of variables, a
host name and a part of addresses: what one of them cannot bear, no service is called.
"""

import builtins
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.catalog import Service
from devstack.scaffold.errors import ScaffoldError

LONGEST_SERVICE: Final = 18
LONGEST_AGGREGATE: Final = 24

_SERVICE: Final = re.compile(r"[a-z][a-z0-9]+")
_AGGREGATE: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*")
# Why a service cannot have a name that looks like one.
_RESERVED_SERVICES: Final[Mapping[str, frozenset[str]]] = {
    "it names a part of the stack": frozenset(
        {"admin", "broker", "gateway", "mailbox", "postgres", "provision", "traefik", "valkey"}
    ),
    "variables of the stack begin with it": frozenset(
        {"colonnade", "compose", "database", "docker", "github", "kubernetes", "mypy", "otel"}
        | {"otlp", "pytest", "python", "redis", "ruff", "uv", "vite", "xdg"}
    ),
    "every service has addresses or modules of that name": frozenset(
        {"api", "base", "docs", "health", "healthz", "internal", "metrics", "names", "problem"}
        | {"readyz"}
    ),
    "the deployment uses it for all services": frozenset(
        {"any", "link", "links", "namespace", "network", "pages", "peers", "public", "servers"}
    ),
    "it is a package or a folder of the platform": frozenset(
        {"bench", "common", "deploy", "devstack", "libs", "scripts", "services", "templates"}
        | {"test", "testing", "tests"}
    ),
}
# What the templates call something else: files of every service, classes and variables.
_RESERVED_AGGREGATES: Final = {
    "account", "answer", "base", "bearer", "body", "change", "check", "client", "code",
    "condition", "consumer", "contract", "cursor", "dependency", "error", "event", "field",
    "home", "index", "key", "limit", "list", "made", "mapped", "model", "outbox", "owner", "page",
    "pagination", "path", "person", "place", "precondition", "producer", "relay", "repository",
    "request", "requirement", "resource", "response", "role", "router", "row", "schema",
    "sequence", "session", "setting", "snapshot", "status", "stream", "tag", "test", "title",
    "token", "transaction", "tx", "usecase", "user", "username", "uuid", "worker",
}  # fmt: skip
_IRREGULAR: Final = (("s", "es"), ("x", "es"), ("z", "es"), ("ch", "es"), ("sh", "es"))


def check_service_name(name: str, root: Path, services: tuple[Service, ...]) -> None:
    """Let pass what a new service may be called.

    Raises:
        ScaffoldError: It is no name, or it is taken or reserved.
    """
    if not _SERVICE.fullmatch(name) or len(name) > LONGEST_SERVICE:
        raise ScaffoldError(
            f"{name!r} is no name for a service",
            f"Use 2 to {LONGEST_SERVICE} lower-case letters and digits, first a letter: billing.",
        )
    _check_keyword(name)
    for reason, names in _RESERVED_SERVICES.items():
        if name in names:
            raise ScaffoldError(f"{name!r} is reserved: {reason}")
    for service in services:
        _check_taken(name, service)
    for path in (f"services/{name}", f"libs/common/src/common/contracts/{name}.py"):
        if (root / path).exists():
            raise ScaffoldError(f"{path} is there already, but {name!r} is in no catalog")


def _check_taken(name: str, service: Service) -> None:
    if name == service.name:
        raise ScaffoldError(f"there is a service {name!r} already")
    below = f"/api/v1/{name}/"
    if taken := [path for path in service.routes if f"{path}/".startswith(below)]:
        raise ScaffoldError(f"{service.name} answers {taken[0]} already")


def _check_keyword(name: str) -> None:
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise ScaffoldError(f"{name!r} is a keyword of Python")


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What a slice is about, in the spellings that code, addresses and sentences have for it."""

    service: str
    one: str
    many: str

    @property
    def class_name(self) -> str:
        return _camel(self.one)

    @property
    def words(self) -> str:
        return self.one.replace("_", " ")

    @property
    def with_article(self) -> str:
        return f"{'an' if self.one[0] in 'aeiou' else 'a'} {self.words}"

    @property
    def path(self) -> str:
        """The last part of its address: what the service is called need not be said twice."""
        return self.many.removeprefix(f"{self.service}_").replace("_", "-")

    def spellings(self) -> dict[str, str]:
        """What the templates call them."""
        many_words = self.many.replace("_", " ")
        return {
            "one": self.one,
            "many": self.many,
            "One": self.class_name,
            "Many": _camel(self.many),
            "words": self.words,
            "many_words": many_words,
            "Many_words": many_words.capitalize(),
            "an": self.with_article,
            "An": self.with_article.capitalize(),
            "path": self.path,
        }


def name_aggregate(service: str, one: str, many: str | None = None) -> Aggregate:
    """Return an aggregate of a service by its name, and its plural if that is not a usual one.

    Raises:
        ScaffoldError: They are no names, or reserved.
    """
    many = many or _plural(one)
    for name in (one, many):
        if not _AGGREGATE.fullmatch(name) or len(name) > LONGEST_AGGREGATE:
            raise ScaffoldError(
                f"{name!r} is no name for an aggregate",
                f"Use the singular in up to {LONGEST_AGGREGATE} lower-case letters, words joined "
                "by underscores: credit_note.",
            )
        _check_keyword(name)
        if _camel(name) in dir(builtins) or name in dir(builtins):
            raise ScaffoldError(f"{name!r} is a builtin of Python")
    if one in _RESERVED_AGGREGATES or many in {_plural(each) for each in _RESERVED_AGGREGATES}:
        raise ScaffoldError(f"{one!r} is reserved: every service means something else by it")
    if one == many:
        raise ScaffoldError(f"one and many are both {one!r}", "Name the plural: PLURAL=…")
    return Aggregate(service, one, many)


def _plural(one: str) -> str:
    if one.endswith("y") and one[-2:-1] not in ("", *"aeiou"):
        return f"{one[:-1]}ies"
    return one + next((more for end, more in _IRREGULAR if one.endswith(end)), "s")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
