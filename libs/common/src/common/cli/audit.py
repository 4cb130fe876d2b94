"""`colonnade auth audit …`: what was done to accounts, and whether all of it is still there."""

import argparse
from collections.abc import Callable
from typing import Any, Final

from common.cli.accounts import client_of_auth, exact_account
from common.cli.identity import UsageError
from common.cli.output import Outcome, age, since, table
from common.cli.services import SECONDS, Clients, read_pages

AUDIT: Final = "/internal/audit"
BROKEN: Final = 1
PAGE: Final = 5000


def add_commands(commands: Any, add: Callable[..., Any], add_why: Callable[..., None]) -> None:
    """Add the commands to the command line, by its own functions for that."""
    shown = add(commands, "audit", show_audit)
    shown.add_argument("--account", metavar="EMAIL", help="about this account")
    shown.add_argument("--actor", metavar="EMAIL", help="by the owner of this account")
    shown.add_argument("--action", help="of this kind, such as login_refused")
    shown.add_argument("--since", metavar="TIME", help="not before this RFC 3339 time")
    shown.add_argument("--limit", type=int, default=100, help="most entries (100)")
    below = shown.add_subparsers(metavar="COMMAND")
    verify = add(below, "verify", verify_audit)
    verify.add_argument(
        "--known",
        metavar="POSITION:HASH",
        help="an end of the chain that was logged (audit_chained)",
    )
    erase = add(below, "erase", erase_audit)
    erase.add_argument("account_id", metavar="ACCOUNT", help="its id")
    add_why(erase, required=True)


async def show_audit(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """List what was done to accounts, the newest first."""
    asked = {"action": arguments.action, "since": arguments.since}
    for name in ("account", "actor"):
        email = getattr(arguments, name)
        asked[name] = (await exact_account(clients, email))["id"] if email else None
    entries = await read_pages(client_of_auth(clients), AUDIT, asked, arguments.limit)
    headings = ["AGE", "ACTION", "ACCOUNT", "BY", "NETWORK", "DETAILS", "PLACE"]
    lines = table(headings, [_row(each) for each in entries]) if entries else ["There is none."]
    return Outcome(entries, lines)


async def verify_audit(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Recompute the chain of the audit, and name the first entry that is wrong."""
    known = _known(arguments.known)
    after, erased, differs = 0, 0, known is not None
    while True:
        # A page ends at the known position, so that its hash can be compared.
        to_known = known[0] - after if known and known[0] > after else PAGE
        page = await client_of_auth(clients).get(
            f"{AUDIT}/verification",
            params={"after": after, "limit": min(PAGE, to_known)},
            timeout_seconds=SECONDS,
        )
        after, erased = page["position"], erased + page["erased"]
        if known and after == known[0]:
            differs = page["hash"] != known[1]
        if page["broken"] or after >= page["end"]:
            break
    document = {**page, "erased": erased, "known_differs": differs}
    return Outcome(document, _verdict(document, arguments.known), _code(document))


async def erase_audit(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Erase what is personal in the entries about and by an account; the chain still holds."""
    body = {
        "account_id": arguments.account_id,
        "by": arguments.by,
        "reason": arguments.reason,
    }
    done = await client_of_auth(clients).request(
        "POST", f"{AUDIT}/erase", json=body, timeout_seconds=SECONDS
    )
    return Outcome(done, [f"Erased what was personal in {done['erased']} entries."])


def _known(told: str | None) -> tuple[int, str] | None:
    if told is None:
        return None
    position, _, digest = told.partition(":")
    if not position.isdecimal() or int(position) == 0 or not digest:
        raise UsageError("--known takes a position and a hash, as in 1200:9f86d0….")
    return int(position), digest.lower()


def _code(document: dict[str, Any]) -> int:
    return BROKEN if document["broken"] or document["known_differs"] else 0


def _verdict(document: dict[str, Any], known: str | None) -> list[str]:
    broken = document["broken"]
    if broken:
        named = f", entry {broken['entry_id']}" if broken["entry_id"] else ""
        return [
            f"The chain breaks at position {broken['position']}{named}: {broken['why']}.",
            f"Up to position {document['position']} it holds.",
        ]
    lines = [
        f"The chain holds: {document['position']} entries, the last with {document['hash']}.",
        f"In {document['erased']} of them what was personal is erased.",
    ]
    if document["known_differs"]:
        return [f"The chain holds, but it is not the one of {known}: it was made anew."]
    return lines


def _row(entry: dict[str, Any]) -> list[Any]:
    personal = entry["personal"] or {}
    details = ", ".join(f"{name}={value}" for name, value in entry["details"].items())
    return [
        age(since(entry["occurred_at"])),
        entry["action"],
        entry["account_id"] or _of_nobody(entry["action"]),
        entry["impersonator_id"] or entry["actor_id"] or personal.get("operator", "?"),
        personal.get("network", ""),
        details,
        entry["position"] or "waits",
    ]


def _of_nobody(action: str) -> str:
    """Return what stands for the account of an entry that has none: keys that sign are all's."""
    return "" if action.startswith("signing_key") else "nobody's"
