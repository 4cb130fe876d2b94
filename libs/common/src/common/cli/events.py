"""`colonnade events …`: look at what is parked or lost, and decide about it."""

import argparse
import asyncio
import json
from typing import Any, Final
from uuid import UUID

from common.cli.identity import UsageError
from common.cli.output import Outcome, age, since, table
from common.cli.services import Clients, Pair, ask, find_pairs

REFUSED: Final = 1
POLL_SECONDS: Final = 0.5
NOTHING: Final = "Nothing is parked there."


async def show_parked(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """List the events that wait after a failure, in the order of their producers."""
    pairs = await find_pairs(clients, arguments.consumer, arguments.producer)
    events = [event for pair in pairs for event in await _parked(pair, arguments)]
    if not events:
        return Outcome([], ["Nothing is skipped." if arguments.skipped else "Nothing is parked."])
    headings = ["CONSUMER", "PRODUCER", "EVENT", "PLACE", "TYPE", "KEY", "TRIES", "NEXT", "ERROR"]
    lines = table(headings, [_row(event) for event in events])
    hint = "`colonnade events show EVENT` tells all of one; then retry it, or skip it."
    return Outcome(events, [*lines, "", hint])


async def show_event(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Show all that is known of a parked or skipped event, its payload too."""
    events = [
        {"consumer": pair.consumer, "producer": pair.producer, **event}
        for pair, event in await _holders(clients, arguments)
    ]
    return Outcome(events, json.dumps(events, indent=2, ensure_ascii=False).splitlines())


async def retry_events(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Make one event, the first of a key, or the first of every key due now."""
    if (arguments.event is not None) + (arguments.key is not None) + arguments.all != 1:
        raise UsageError("Name an EVENT, or give --key KEY or --all.")
    if arguments.event is not None:
        pairs = [pair for pair, _ in await _holders(clients, arguments)]
        chosen: dict[str, Any] = {"event_id": str(arguments.event)}
    else:
        pairs = await find_pairs(clients, arguments.consumer, arguments.producer)
        chosen = {"key": arguments.key} if arguments.key is not None else {"all": True}
    results = [
        {"consumer": pair.consumer, "producer": pair.producer}
        | await pair.post("/parked/retry", _action(arguments) | chosen)
        for pair in pairs
    ]
    due = sum(result["due"] for result in results)
    line = f"Due now: {due}. `colonnade events lag` tells what is left." if due else NOTHING
    return Outcome(results, [line], 0 if due or arguments.all else REFUSED)


async def skip_event(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Let the first event of a key go without its effect; the reason is kept with it."""
    pair = _one([pair for pair, _ in await _holders(clients, arguments)])
    answer = await pair.post(
        "/parked/skip", _action(arguments) | {"event_id": str(arguments.event)}
    )
    following = answer["next_event_id"]
    line = f"{following}, the next of its key, is tried now." if following else "Its key is free."
    document = {"consumer": pair.consumer, "producer": pair.producer, **answer}
    return Outcome(document, [f"Skipped. {line}"])


async def show_ghosts(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """List what took effect and was lost by its producer, and what was gone before it came."""
    ranges = [
        {"consumer": pair.consumer, "producer": pair.producer, **lost}
        for pair in await find_pairs(clients, arguments.consumer, arguments.producer)
        for lost in (await pair.get("/lost-ranges"))["items"]
    ]
    lines = [line for lost in ranges for line in _lost(lost)]
    return Outcome(ranges, lines or ["No producer lost what took effect; nothing was skipped."])


async def rewind(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Apply again what follows a position; copies and reactions do nothing twice."""
    pair = _one(await find_pairs(clients, arguments.consumer, arguments.producer))
    answer = await pair.post("/rewind", _action(arguments) | {"position": arguments.to})
    return Outcome(answer, [f"The cursor was at {answer['before']} and is at {answer['after']}."])


async def bootstrap(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Rebuild a consumer's copies of a producer's state, and wait until it is done."""
    pair = _one(await find_pairs(clients, arguments.consumer, arguments.producer))
    answer = await pair.post("/bootstrap", _action(arguments))
    finished = await _is_granted(clients, pair, arguments.wait)
    told = "The copies are rebuilt." if finished else "It goes on; `colonnade events lag` tells."
    return Outcome(answer | {"finished": finished}, [told])


async def _is_granted(clients: Clients, pair: Pair, seconds: float) -> bool:
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        (now,) = await find_pairs(clients, pair.consumer, pair.producer)
        if now.state["bootstrap_requested_at"] is None:
            return True
        await asyncio.sleep(POLL_SECONDS)
    return False


async def _parked(pair: Pair, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Read the pages of what a pair has parked, up to the limit."""
    events: list[dict[str, Any]] = []
    cursor = None
    while len(events) < arguments.limit:
        page = await pair.get(
            "/parked",
            key=arguments.key,
            skipped=arguments.skipped,
            cursor=cursor,
            limit=min(100, arguments.limit - len(events)),
        )
        names = {"consumer": pair.consumer, "producer": pair.producer}
        events += [names | event for event in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    return events


async def _holders(
    clients: Clients, arguments: argparse.Namespace
) -> list[tuple[Pair, dict[str, Any]]]:
    """Return who has parked the event, with what each says of it."""
    event_id: UUID = arguments.event
    pairs = await find_pairs(clients, arguments.consumer, arguments.producer)
    asked = [ask(pair.client, f"{pair.path}/parked/{event_id}") for pair in pairs]
    found = zip(pairs, await asyncio.gather(*asked), strict=True)
    holders = [(pair, event) for pair, event in found if event is not None]
    if not holders:
        raise UsageError(f"Nobody has parked {event_id}; colonnade events parked lists them all.")
    return holders


def _one(found: list[Pair]) -> Pair:
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{pair.consumer} of {pair.producer}" for pair in found)
    raise UsageError(f"Choose with --consumer and --producer: {names}.")


def _lost(lost: dict[str, Any]) -> list[str]:
    places = f"{lost['epoch']}-{lost['first_position']} to {lost['last_position']}"
    found = f"found {age(since(lost['found_at']))} ago"
    head = f"{lost['kind']}: {lost['consumer']} of {lost['producer']}, {places}, {found}"
    return [head, *(f"  {query};" for query in lost["queries"])]


def _row(event: dict[str, Any]) -> list[Any]:
    return [
        event["consumer"],
        event["producer"],
        event["event_id"],
        f"{event['epoch']}-{event['position']}",
        event["type"],
        event["key"],
        event["attempts"],
        _next(event),
        event["skip_reason"] or event["error"] or "",
    ]


def _next(event: dict[str, Any]) -> str:
    if event["skipped_at"]:
        return "skipped"
    if not event["is_first"]:
        return "behind"
    if event["next_at"] is None:
        return "you"
    return f"in {age(max(0.0, -since(event['next_at'])))}"


def _action(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"by": arguments.by, "reason": arguments.reason}
