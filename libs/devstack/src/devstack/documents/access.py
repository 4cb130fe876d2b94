"""docs/access.md: whoever may call which route, as the tables decide that the tests hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from common.testing.decisions import TABLE, Decision, documented_routes, read_table
from devstack.catalog import Service
from devstack.documents.markdown import code, link, page, table

_INTRODUCTION: Final = f"""\
Each route serves whom this says and nobody else: every kind of caller asks for each of them in the
tests. The decisions stand beside the tests of each service, in `{TABLE}`; a new route without one
fails. What is refused has its code here and stands in [errors.md](errors.md).

- *everybody*: no token is read.
- *anybody*: a token may be absent; one that is sent must be valid.
- *users*: a token of a session, or a personal access token with the scope `<service>:read` (for
  `GET`) or `<service>:write`.
- *sessions*: a token of a session alone; personal access tokens get `common.session_required`.
- *services*: the token of another service; the gateway does not route these.

Whoever is not named gets `common.unauthenticated` without a token, and `common.invalid_token` with
one that has expired, whose session has ended, or that is of another kind. Users without a role that
is asked for get `common.forbidden`. *Others* is what users get for what belongs to somebody else,
people with roles among them; *impersonators* what somebody gets who acts in a user's name."""


def render(services: Sequence[Service], root: Path) -> str:
    """Return the document."""
    return page("Access", _INTRODUCTION, *(_section(service, root) for service in services))


def _section(service: Service, root: Path) -> str:
    folder = root / "services" / service.name
    decided = read_table(folder)
    rows = [
        [code(f"{route.method} {route.path}"), *_cells(decided.routes[route.name])]
        for route in documented_routes(folder)
        if route.name in decided.routes
    ]
    hidden = ", ".join(map(code, decided.hidden))
    text = f"Pages for people, which need no token: {hidden}." if hidden else ""
    header = ["route", "serves", "with a role", "others", "impersonators"]
    decisions = link(TABLE, folder / "tests" / TABLE, root)
    parts = [f"## {service.name}", f"From {decisions}. {text}".strip(), table(header, rows)]
    return "\n\n".join(parts)


def _cells(decision: Decision) -> list[str]:
    refusals = [decision.others, decision.impersonators]
    return [
        decision.to,
        ", ".join(decision.roles),
        *(code(each) if each else "" for each in refusals),
    ]
