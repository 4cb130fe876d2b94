"""`colonnade auth …`: which personal access tokens an account has, and what if one leaked."""

import argparse
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from common.cli.accounts import ACCOUNTS, client_of_auth, exact_account
from common.cli.identity import UsageError
from common.cli.output import Outcome, age, since, table
from common.cli.services import SECONDS, Clients, read_pages

MOST: Final = 1_000


def add_commands(commands: Any, add: Callable[..., Any], add_why: Callable[..., None]) -> None:
    """Add the commands to the command line, by its own functions for that."""
    add(commands, "tokens", show_tokens).add_argument("email", help="whose account")
    revoke = add(commands, "revoke-tokens", revoke_tokens)
    revoke.add_argument("email", help="whose account")
    revoke.add_argument("token", type=UUID, nargs="?", help="its id, as `tokens` shows it")
    revoke.add_argument("--all", action="store_true", help="every one of the account")
    add_why(revoke, required=False)


async def show_tokens(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """List the personal access tokens of an account that count, the newest first."""
    path = await _path(clients, arguments.email)
    found = await read_pages(client_of_auth(clients), path, {}, MOST)
    headings = ["TOKEN", "NAME", "SCOPES", "AGE", "LAST USE", "EXPIRES"]
    lines = table(headings, [_row(each) for each in found]) if found else ["There is none."]
    return Outcome(found, lines)


async def revoke_tokens(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Revoke a personal access token, or all of an account: refused everywhere within seconds."""
    if arguments.all is (arguments.token is not None):
        raise UsageError("Name one token, or revoke --all.")
    path = await _path(clients, arguments.email)
    body = {"by": arguments.by, "reason": arguments.reason}
    body["key_id"] = str(arguments.token) if arguments.token else None
    done = await client_of_auth(clients).request(
        "POST", f"{path}/revoke", json=body, timeout_seconds=SECONDS
    )
    return Outcome(done, [f"Revoked of {arguments.email}: {done['revoked']}."])


async def _path(clients: Clients, email: str) -> str:
    account = await exact_account(clients, email)
    return f"{ACCOUNTS}/{account['id']}/keys"


def _row(token: dict[str, Any]) -> list[str]:
    used = token["last_used_at"]
    return [
        token["id"],
        token["name"],
        " ".join(token["scopes"]),
        age(since(token["created_at"])),
        f"{age(since(used))} ago" if used else "never",
        token["expires_at"],
    ]
