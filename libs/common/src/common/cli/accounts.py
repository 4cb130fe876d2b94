"""`colonnade auth …`: who has an account and which roles, and what an operator does about it."""

import argparse
from collections.abc import Callable
from typing import Any, Final

from common.cli.identity import UsageError
from common.cli.output import Outcome, age, since, table
from common.cli.services import SECONDS, Clients
from common.http.client import PeerClient

OWNER: Final = "auth"
ACCOUNTS: Final = "/internal/accounts"
ROLES: Final = ("admin", "moderator", "support")


def add_commands(commands: Any, add: Callable[..., Any], add_why: Callable[..., None]) -> None:
    """Add the commands to the command line, by its own functions for that."""
    find = add(commands, "accounts", find_accounts)
    find.add_argument("query", help="an address, or how a username begins")
    for name, run in (("grant", grant_role), ("withdraw", withdraw_role)):
        command = add(commands, name, run)
        command.add_argument("email", help="whose account")
        command.add_argument("role", choices=ROLES)
        add_why(command, required=False)
    for name, run in (
        ("disable", disable_account),
        ("enable", enable_account),
        ("logout", log_out_account),
    ):
        command = add(commands, name, run)
        command.add_argument("email", help="whose account")
        add_why(command, required=False)


async def find_accounts(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """List the account of an address, or up to 100 whose username begins so."""
    found = await _find(clients, arguments.query)
    headings = ["ACCOUNT", "USERNAME", "E-MAIL", "ROLES", "STATE", "AGE"]
    lines = table(headings, [_row(each) for each in found]) if found else ["There is none."]
    return Outcome(found, lines)


async def grant_role(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Give an account a role; its sessions end, and the next login has it."""
    done = await _act(clients, arguments, "/grant", role=arguments.role)
    return Outcome(done, [f"{arguments.email} is {arguments.role} from the next login on."])


async def withdraw_role(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Take a role from an account; its sessions end."""
    done = await _act(clients, arguments, "/withdraw", role=arguments.role)
    return Outcome(done, [f"{arguments.email} is {arguments.role} no longer."])


async def disable_account(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Let nobody log in to an account; its sessions end."""
    done = await _act(clients, arguments, "/disable")
    return Outcome(done, [f"Nobody logs in as {arguments.email} any more."])


async def enable_account(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Let the owner of an account log in again."""
    done = await _act(clients, arguments, "/enable")
    return Outcome(done, [f"{arguments.email} may log in."])


async def log_out_account(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """End all sessions of an account."""
    done = await _act(clients, arguments, "/logout")
    return Outcome(done, [f"{arguments.email} is logged out everywhere."])


async def _act(
    clients: Clients, arguments: argparse.Namespace, path: str, **more: str
) -> dict[str, Any]:
    """Do something to the one account of an address, and return it as it is then."""
    client = client_of_auth(clients)
    account = await exact_account(clients, arguments.email)
    body = {"by": arguments.by, "reason": arguments.reason, **more}
    await client.request(
        "POST", f"{ACCOUNTS}/{account['id']}{path}", json=body, timeout_seconds=SECONDS
    )
    return await exact_account(clients, arguments.email)


async def exact_account(clients: Clients, email: str) -> dict[str, Any]:
    """Return the account of an address.

    Raises:
        UsageError: There is none.
    """
    found = await _find(clients, email) if "@" in email else []
    if not found:
        raise UsageError(f"There is no account of {email}; name its whole address.")
    return found[0]


async def _find(clients: Clients, query: str) -> list[dict[str, Any]]:
    answer = await client_of_auth(clients).get(
        ACCOUNTS, params={"query": query}, timeout_seconds=SECONDS
    )
    items: list[dict[str, Any]] = answer["items"]
    return items


def client_of_auth(clients: Clients) -> PeerClient:
    """Return the client of the service that all of these commands speak to.

    Raises:
        UsageError: The environment does not name it.
    """
    if OWNER not in clients:
        raise UsageError(f"The environment names no service {OWNER}.")
    return clients[OWNER]


def _row(account: dict[str, Any]) -> list[str]:
    state = "verified" if account["verified_at"] else "unverified"
    return [
        account["id"],
        account["username"],
        account["email"],
        ", ".join(account["roles"]),
        "disabled" if account["disabled_at"] else state,
        age(since(account["created_at"])),
    ]
