"""docs/events.md: each event with its producer, its consumers, its fields and an example."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from common.contracts import EVENTS, Envelope, Event, parse_wire_name
from devstack.documents.markdown import code, json_block, link, page, paragraph, table
from devstack.documents.schemas import default_words, type_words
from devstack.documents.sources import ServiceSource, source_file

_INTRODUCTION = """\
What one service tells the others. A fact that its producer commits takes effect once in each
consumer, in the producer's order; between two producers there is no order. How that is kept is in
[the decision](adr/0001-events-are-a-log-in-postgresql.md); the same as AsyncAPI 3 is in
[asyncapi.json](asyncapi.json)."""

_ENVELOPE = """\
## The envelope

Every event travels in one: in its producer's log, in `GET /internal/events`, and as the field
`event` of the entry `<epoch>-<position>` of the stream `events:<producer>`."""

_CHANGES = """\
## What may change

A published event may gain a field with a default; consumers ignore what they do not know. Anything
else is a new class whose wire name has the next version, published beside the old one until no
consumer handles that any more. `make test` holds every event to its golden file (first payload and
schema, in `libs/common/tests/contracts/golden`). A new event needs a class in `common.contracts`
with a description and an example for each field, a place in `EVENTS`, and `make docs`."""


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """An event, who receives it, and an envelope as an example."""

    event: type[Event]
    consumers: tuple[str, ...]
    example: dict[str, Any]

    @property
    def wire_name(self) -> str:
        return self.event.wire_name

    @property
    def class_name(self) -> str:
        return self.event.__name__

    @property
    def producer(self) -> str:
        return parse_wire_name(self.wire_name).producer

    @property
    def key(self) -> str:
        """The fields that make up the key, as the docstring says them."""
        return key_of(self.event)


def published(
    services: Sequence[ServiceSource], golden: Mapping[Path, str]
) -> list[PublishedEvent]:
    """Return every event, by wire name; `golden` are the files that freeze them."""
    samples = {path.stem: json.loads(text)["sample"] for path, text in golden.items()}
    return [
        PublishedEvent(
            event=event,
            consumers=tuple(s.name for s in services if event in s.consumes),
            example=_example(event, samples),
        )
        for event in sorted(EVENTS, key=lambda event: event.wire_name)
    ]


def key_of(event: type[Event]) -> str:
    """Return what an event's docstring says about its key, like "`follower_id`:`followee_id`".

    Raises:
        ValueError: It says nothing.
    """
    match = re.search(r"^\s*Key: (.+)\.\s*\Z", event.__doc__ or "", re.MULTILINE)
    if match is None:
        raise ValueError(
            f"the docstring of {event.__name__} must end with its key: Key: `post_id`."
        )
    return match[1]


def render(events: Sequence[PublishedEvent], root: Path) -> str:
    """Return the document."""
    overview = table(
        ["event", "key", "consumers"],
        [[_anchor(e.wire_name), e.key, ", ".join(e.consumers) or "none"] for e in events],
    )
    sections = []
    for producer, own in groupby(events, key=lambda event: event.producer):
        sections.append(f"## {producer}")
        sections += [_section(event, root) for event in own]
    return page("Events", _INTRODUCTION, overview, _envelope(events[0]), *sections, _CHANGES)


def _example(event: type[Event], samples: Mapping[str, Any]) -> dict[str, Any]:
    payload = event.model_validate(samples[event.wire_name]).model_dump(mode="json")
    key = re.sub(r"`(\w+)`", lambda field: payload[field[1]], key_of(event))
    own = {"type": event.wire_name, "key": key, "payload": payload}
    return Envelope.model_validate(samples["envelope"] | own).model_dump(mode="json")


def _envelope(event: PublishedEvent) -> str:
    return "\n\n".join(
        [
            _ENVELOPE,
            _fields(Envelope),
            json_block(event.example),
        ]
    )


def _section(event: PublishedEvent, root: Path) -> str:
    consumers = ", ".join(event.consumers) or "nobody yet"
    defined = link(event.class_name, source_file(event.event), root)
    return "\n\n".join(
        [
            f"### {event.wire_name}",
            paragraph(event.event.__doc__),
            f"Key: {event.key} · Consumers: {consumers} · Class: {defined}",
            _fields(event.event),
            json_block(event.example["payload"]),
        ]
    )


def _fields(model: type[Event | Envelope]) -> str:
    schema = model.model_json_schema()
    types = schema.get("$defs", {})
    rows = [
        [code(name), type_words(field, types), default_words(name, schema), field["description"]]
        for name, field in schema["properties"].items()
    ]
    return table(["field", "type", "default", "meaning"], rows)


def _anchor(wire_name: str) -> str:
    return f"[{wire_name}](#{wire_name.replace('.', '')})"
