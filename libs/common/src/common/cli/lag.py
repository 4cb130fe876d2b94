"""`colonnade events lag`: how far every consumer is behind, and what waits for an operator."""

import argparse
import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from common.cli.output import Outcome, age, table
from common.cli.services import SECONDS, STREAM, Clients, Pair, ask, pairs_of
from common.http.client import PeerClient, PeerRefused, PeerUnavailable

UNHEALTHY: Final = 1
UNREACHABLE: Final = 3
HINTS: Final = {
    "common.events_gone": "past retention; it rebuilds its copies as soon as its worker runs",
    "common.cursor_ahead": "ahead of its producer's head, which no fault explains; see the runbook",
}


@dataclass(slots=True)
class Report:
    """What could be learned; `unreachable` names the services that did not answer."""

    consumers: list[dict[str, Any]] = field(default_factory=list)
    producers: list[dict[str, Any]] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)


async def show_lag(clients: Clients, arguments: argparse.Namespace) -> Outcome:
    """Show how far each consumer is behind; 1 when somebody should look, 3 when one is away."""
    report = await _report(clients)
    findings = list(_findings(report, arguments.max_age))
    document = asdict(report) | {"findings": findings}
    code = UNREACHABLE if report.unreachable else UNHEALTHY if findings else 0
    return Outcome(document, _lines(report, findings), code)


async def _report(clients: Clients) -> Report:
    report = Report()
    pairs: list[Pair] = []
    for name, client in clients.items():
        try:
            pairs += await pairs_of(name, client)
            stream = await ask(client, STREAM)
        except PeerUnavailable:
            report.unreachable.append(name)
            continue
        if stream is not None:
            report.producers.append(_producer(name, stream))
    distances = await asyncio.gather(*(_distance(clients[p.producer], p) for p in pairs))
    report.consumers = [_consumer(*each) for each in zip(pairs, distances, strict=True)]
    return report


async def _distance(producer: PeerClient, pair: Pair) -> dict[str, Any]:
    """Ask a producer how far a cursor is behind; `problem` is the code of a refusal."""
    params = {"epoch": pair.state["epoch"], "after": pair.state["position"]}
    try:
        answer: dict[str, Any] = await producer.get(
            f"{STREAM}/distance", params=params, timeout_seconds=SECONDS
        )
    except PeerUnavailable as error:
        return {"problem": error.code}
    except PeerRefused as refusal:
        return {"problem": refusal.code}
    return answer


def _producer(name: str, stream: dict[str, Any]) -> dict[str, Any]:
    return {
        "producer": name,
        "head": f"{stream['head_epoch']}-{stream['head_position']}",
        "first_position": stream["first_position"],
        "outbox_depth": stream["outbox_depth"],
        "outbox_oldest_seconds": stream["outbox_oldest_seconds"],
    }


def _consumer(pair: Pair, distance: dict[str, Any]) -> dict[str, Any]:
    state = pair.state
    head = distance.get("head_epoch"), distance.get("head_position")
    return {
        "consumer": pair.consumer,
        "producer": pair.producer,
        "head": None if head[0] is None else f"{head[0]}-{head[1]}",
        "cursor": f"{state['epoch']}-{state['position']}",
        "behind": distance.get("behind"),
        "oldest_seconds": distance.get("oldest_seconds"),
        "parked_events": state["parked_events"],
        "parked_keys": state["parked_keys"],
        "ghosts": state["ghosts"],
        "skipped": state["skipped"],
        "rebuilding": state["bootstrap_requested_at"] is not None,
        "problem": distance.get("problem"),
    }


def _findings(report: Report, max_age: float) -> Iterator[str]:
    """Tell what somebody should look at, and how."""
    for row in report.consumers:
        who = f"{row['consumer']} of {row['producer']}"
        names = f"--consumer {row['consumer']} --producer {row['producer']}"
        if row["problem"]:
            yield f"{who}: {HINTS.get(row['problem'], row['problem'])}."
        if row["parked_keys"]:
            yield f"{who}: {row['parked_events']} events wait: colonnade events parked {names}"
        if (row["oldest_seconds"] or 0) > max_age:
            yield f"{who}: an event waits for {age(row['oldest_seconds'])}; is its worker running?"
    for row in report.producers:
        if row["outbox_oldest_seconds"] > max_age:
            waits = age(row["outbox_oldest_seconds"])
            yield f"{row['producer']}: an event is unnumbered for {waits}; is its worker running?"


def _lines(report: Report, findings: list[str]) -> list[str]:
    headings = ["CONSUMER", "PRODUCER", "HEAD", "CURSOR", "BEHIND", "OLDEST", "PARKED", "GHOSTS"]
    consumers = [
        [
            row["consumer"],
            row["producer"],
            row["head"] or "?",
            row["cursor"],
            "?" if row["behind"] is None else row["behind"],
            age(row["oldest_seconds"]),
            row["parked_events"],
            row["ghosts"],
        ]
        for row in report.consumers
    ]
    producers = [
        [
            row["producer"],
            row["head"],
            row["first_position"] or "empty",
            row["outbox_depth"],
            age(row["outbox_oldest_seconds"]),
        ]
        for row in report.producers
    ]
    notes = [
        f"{row['consumer']} rebuilds its copies of {row['producer']}."
        for row in report.consumers
        if row["rebuilding"]
    ]
    notes += [f"{name} does not answer: is its app running?" for name in report.unreachable]
    return [
        *table(headings, consumers),
        "",
        *table(["PRODUCER", "HEAD", "LOG FROM", "OUTBOX", "OLDEST"], producers),
        *(["", *notes, *findings] if notes or findings else []),
    ]
