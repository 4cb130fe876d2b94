"""docs/asyncapi.json: the events as AsyncAPI 3.0, for tools that generate code and catalogues."""

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from pydantic import BaseModel

from common.contracts import Envelope
from common.place import stream_key
from devstack.documents.events import PublishedEvent
from devstack.documents.markdown import paragraph

type Json = dict[str, Any]

_SCHEMAS = "#/components/schemas/"


def render(events: Sequence[PublishedEvent]) -> str:
    """Return the document's text."""
    return json.dumps(document(events), indent=2, ensure_ascii=False) + "\n"


def document(events: Sequence[PublishedEvent]) -> Json:
    """Return the document: a channel per producer, an operation per service and channel."""
    channels, operations = {}, {}
    for producer, group in groupby(events, key=lambda event: event.producer):
        own = list(group)
        channels[producer] = _channel(producer, own)
        operations[f"{producer}_send"] = _operation("send", producer, own)
        for consumer in sorted({name for event in own for name in event.consumers}):
            handled = [event for event in own if consumer in event.consumers]
            operations[f"{consumer}_receive_{producer}"] = _operation("receive", producer, handled)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Colonnade: events",
            "version": "1.0.0",
            "description": "What the services tell each other. Each payload is versioned by its"
            " wire name; a fact takes effect once in each consumer, in its producer's order.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {"streams": _server()},
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {event.class_name: _message(event) for event in events},
            "schemas": _schemas(events),
        },
    }


def _server() -> Json:
    return {
        "host": "{host}",
        "protocol": "redis",
        "description": "The streams: a fast path. `GET /internal/events` of the producer says the"
        " same from its log, and is asked whenever a stream lacks something.",
        "variables": {"host": {"default": "valkey:6379", "description": "Host and port."}},
    }


def _channel(producer: str, events: Sequence[PublishedEvent]) -> Json:
    return {
        "address": stream_key(producer),
        "title": f"Events of {producer}",
        "description": "A stream whose ids are `<epoch>-<position>`: the place in the producer's"
        " log. The field `event` of an entry holds the message.",
        "servers": [{"$ref": "#/servers/streams"}],
        "messages": {
            event.class_name: {"$ref": f"#/components/messages/{event.class_name}"}
            for event in events
        },
    }


def _operation(action: str, producer: str, events: Sequence[PublishedEvent]) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{producer}"},
        "messages": [
            {"$ref": f"#/channels/{producer}/messages/{event.class_name}"} for event in events
        ],
    }


def _message(event: PublishedEvent) -> Json:
    own = {
        "type": "object",
        "required": ["type", "payload"],
        "properties": {
            "type": {"const": event.wire_name},
            "payload": {"$ref": _SCHEMAS + event.class_name},
        },
    }
    return {
        "name": event.wire_name,
        "title": event.class_name,
        "summary": paragraph(event.event.__doc__),
        "description": f"Key: {event.key}.",
        "payload": {"allOf": [{"$ref": f"{_SCHEMAS}Envelope"}, own]},
        "examples": [{"payload": event.example}],
    }


def _schemas(events: Sequence[PublishedEvent]) -> Json:
    models: list[type[BaseModel]] = [Envelope, *(event.event for event in events)]
    schemas: Json = {}
    for model in models:
        schema = model.model_json_schema(ref_template=_SCHEMAS + "{model}")
        for name, definition in {**schema.pop("$defs", {}), model.__name__: schema}.items():
            if schemas.setdefault(name, definition) != definition:
                raise ValueError(f"two events mean different things by {name}")
    return schemas
