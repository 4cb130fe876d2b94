"""`colonnade auth …`: which keys sign access tokens, when they change, and what if one leaked."""

import argparse
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from common.cli.accounts import client_of_auth
from common.cli.output import Outcome, age, since, table
from common.cli.services import SECONDS, Clients

KEYS: Final = "/internal/signing-keys"


def add_commands(commands: Any, add: Callable[..., Any], add_why: Callable[..., None]) -> None:
    """Add the commands to the command line, by its own functions for that."""
    add(commands, "signing-keys", show_keys)
    add_why(add(commands, "rotate-keys", rotate_keys), required=False)
    revoke = add(commands, "revoke-key", revoke_key)
    revoke.add_argument("kid", help="the key's id, as `signing-keys` shows it")
    add_why(revoke, required=False)


async def show_keys(clients: Clients, _arguments: argparse.Namespace) -> Outcome:
    """List the keys that verify access tokens, and which of them signs."""
    answer = await client_of_auth(clients).get(KEYS, timeout_seconds=SECONDS)
    headings = ["KEY", "ALGORITHM", "STATE", "SIGNS FROM", "PUBLISHED", "SEALED WITH"]
    return Outcome(answer["items"], table(headings, [_row(each) for each in answer["items"]]))


async def rotate_keys(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Let the next key sign as soon as every service knows it; valid tokens stay valid."""
    done = await _post(clients, arguments, "/rotate")
    return Outcome(done, [f"{done['kid']} signs from {done['signs_from']} on."])


async def revoke_key(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Remove a key at once: every token that it signed is refused within seconds."""
    kid = arguments.kid
    await _post(clients, arguments, f"/{quote(kid, safe='')}/revoke")
    return Outcome({"kid": kid}, [f"Nothing that {kid} signed is accepted any more."])


async def _post(clients: Clients, arguments: argparse.Namespace, path: str) -> Any:
    body = {"by": arguments.by, "reason": arguments.reason}
    return await client_of_auth(clients).request(
        "POST", f"{KEYS}{path}", json=body, timeout_seconds=SECONDS
    )


def _row(key: dict[str, Any]) -> list[str]:
    published = age(since(key["published_at"]))
    return [
        key["kid"],
        key["algorithm"],
        key["state"],
        key["signs_from"],
        published,
        key["sealed_with"],
    ]
