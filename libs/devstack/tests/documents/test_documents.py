"""Generated documents: complete, true to the code, and readable by tools and people."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, SecretStr

from common.contracts import EVENTS, Envelope, Event, parse_wire_name
from common.errors import AppError, NotFound
from devstack.catalog import find_root, load_catalog
from devstack.documents import GOLDEN, asyncapi, documents, errors, events, openapi, settings
from devstack.documents.markdown import table
from devstack.documents.schemas import default_words, is_secret, type_words
from devstack.documents.sources import ServiceSource, errors_of, import_all, read_service

ROOT = find_root(Path(__file__).parent)


@pytest.fixture(scope="module")
def services() -> Sequence[ServiceSource]:
    return [read_service(service) for service in load_catalog(ROOT)]


@pytest.fixture(scope="module")
def published(services: Sequence[ServiceSource]) -> list[events.PublishedEvent]:
    golden = {path: path.read_text() for path in (ROOT / GOLDEN).glob("*.json")}
    return events.published(services, golden)


@pytest.fixture(scope="module")
def asynchronous(published: list[events.PublishedEvent]) -> dict[str, Any]:
    return asyncapi.document(published)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, list | dict):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if key == "$ref":
                yield value
            else:
                yield from references(value)


def resolve(document: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


def test_the_handlers_of_a_service_are_those_that_the_catalog_announces(
    services: Sequence[ServiceSource],
) -> None:
    handled = {
        s.name: {parse_wire_name(e.wire_name).producer for e in s.consumes} for s in services
    }

    assert handled == {s.name: set(s.service.consumes) for s in services}


def test_every_event_comes_from_a_service_that_emits() -> None:
    emitting = {service.name for service in load_catalog(ROOT) if service.emits}

    assert {parse_wire_name(event.wire_name).producer for event in EVENTS} == emitting


def test_every_document_is_made(services: Sequence[ServiceSource]) -> None:
    del services  # Imported once for all tests; it is the slow part.
    made = {str(path.relative_to(ROOT)) for path in documents(ROOT)}

    pages = {f"docs/{name}.md" for name in ("access", "events", "errors", "security", "settings")}
    assert pages | {"docs/asyncapi.json", "docs/openapi.json"} < made


def test_events_are_shown_with_their_consumers_fields_and_example(
    published: list[events.PublishedEvent],
) -> None:
    text = events.render(published, ROOT)

    assert "Key: `post_id` · Consumers: notifier · Class: [PostPublished]" in text
    assert "| `published_at` | time (RFC 3339) | required | When it became visible (UTC). |" in text
    assert '"slug": "notes-on-the-engine"' in text
    assert all(f"### {event.wire_name}\n" in text for event in EVENTS)


def test_an_example_is_a_whole_envelope(published: list[events.PublishedEvent]) -> None:
    by_name = {event.wire_name: event for event in published}
    followed = by_name["users.user_followed.v1"].example

    for event in published:
        assert Envelope.model_validate(event.example).type == event.wire_name
        event.event.model_validate(event.example["payload"])
    payload = followed["payload"]
    assert followed["key"] == f"{payload['follower_id']}:{payload['followee_id']}"


def test_an_event_must_say_its_key() -> None:
    class BookLent(Event):
        """A book left the library."""

        wire_name: ClassVar = "library.book_lent.v1"

    with pytest.raises(ValueError, match="docstring of BookLent"):
        events.key_of(BookLent)


def test_a_name_means_one_thing_in_all_services(tmp_path: Path) -> None:
    info = {"title": "", "version": "1"}
    for service, kind in (("first", "string"), ("second", "integer")):
        folder = tmp_path / "services" / service
        folder.mkdir(parents=True)
        components = {"schemas": {"Thing": {"type": kind}}}
        document = {"openapi": "3.1.0", "info": info, "paths": {}, "components": components}
        (folder / "openapi.json").write_text(json.dumps(document))
    one, other = (replace(load_catalog(ROOT)[0], name=name) for name in ("first", "second"))

    assert "string" in openapi.render([one], tmp_path)
    with pytest.raises(ValueError, match="different things by schemas/Thing"):
        openapi.render([one, other], tmp_path)


def test_references_of_the_asyncapi_document_lead_somewhere(asynchronous: dict[str, Any]) -> None:
    found = list(references(asynchronous))

    assert len(found) > len(EVENTS)
    assert all(resolve(asynchronous, reference) for reference in found)


def test_every_event_is_sent_by_its_producer_and_received_by_its_consumers(
    asynchronous: dict[str, Any],
) -> None:
    operations = asynchronous["operations"]
    sent = [m["$ref"] for o in operations.values() if o["action"] == "send" for m in o["messages"]]
    received = [m["$ref"] for m in operations["notifier_receive_posts"]["messages"]]

    assert len(sent) == len(set(sent)) == len(EVENTS)
    assert received == [
        "#/channels/posts/messages/PostDeleted",
        "#/channels/posts/messages/PostPublished",
    ]
    for operation in operations.values():
        channel = operation["channel"]["$ref"]
        assert all(message["$ref"].startswith(f"{channel}/") for message in operation["messages"])


def test_channels_are_the_streams(asynchronous: dict[str, Any]) -> None:
    addresses = {name: channel["address"] for name, channel in asynchronous["channels"].items()}

    emitting = [service.name for service in load_catalog(ROOT) if service.emits]
    assert addresses == {name: f"events:{name}" for name in emitting}


def test_the_code_of_an_error_names_its_owner(services: Sequence[ServiceSource]) -> None:
    import_all("common")
    owners = {"common": "common"} | {s.name: s.service.package for s in services}

    for name, package in owners.items():
        assert errors_of(package)
        assert all(error.code.startswith(f"{name}.") for error in errors_of(package))


@pytest.mark.requirement("ASVS 2.1.2")
def test_an_error_is_shown_with_what_everyone_does_about_it(
    services: Sequence[ServiceSource],
) -> None:
    text = errors.render(services, ROOT)

    assert (
        "| `users.user_not_found` | not_found | 404 | parks the event | There is no such user. |  |"
        " [UserNotFound](../services/users/src/users_service/errors.py) |"
    ) in text
    assert "| 503 + `Retry-After` | waits and tries again, never parks |" in text


def test_errors_of_children_are_found() -> None:
    class BookNotFound(NotFound):
        code = "library.book_not_found"

    class PageNotFound(BookNotFound):
        pass

    class _Hidden(AppError):
        code = "library.hidden"

    assert errors_of(__name__.rpartition(".")[0]) == [BookNotFound, PageNotFound]


def test_a_setting_is_shown_with_its_variable(services: Sequence[ServiceSource]) -> None:
    text = settings.render(services)

    assert "| `AUTH_LINK_SECRET` | text, length at least 32 | required | yes |" in text
    assert "| `<PREFIX>_PORT` | integer | `8000` |  |" in text
    assert "| `NOTIFIER_SMTP_PASSWORD` | text | none | yes |" in text
    assert text.count("_DATABASE_URL` | text") == 1


class Shelf(BaseModel):
    name: str


class Library(BaseModel):
    id: UUID
    shelf: Shelf
    shelves: list[Shelf] = []
    tone: Literal["light", "dark"] = "light"
    note: str | None = Field(None, max_length=80)
    rooms: dict[str, int] = {}
    rest: dict[str, Any] = {}
    word: SecretStr | None = None
    motto: str = ""


@pytest.mark.parametrize(
    ("field", "words", "default"),
    [
        ("id", "UUID", "required"),
        ("shelf", "{`name`: text}", "required"),
        ("shelves", "list of {`name`: text}", "`[]`"),
        ("tone", "`light` or `dark`", "`light`"),
        ("note", "text, length at most 80 or null", "none"),
        ("rooms", "map of integer", "`{}`"),
        ("rest", "object", "`{}`"),
        ("motto", "text", '`""`'),
    ],
)
def test_types_are_described_in_words(field: str, words: str, default: str) -> None:
    schema = Library.model_json_schema()

    assert type_words(schema["properties"][field], schema["$defs"]) == words
    assert default_words(field, schema) == default


def test_an_optional_secret_is_a_secret() -> None:
    fields = Library.model_json_schema()["properties"]

    assert [name for name in fields if is_secret(fields[name])] == ["word"]


def test_a_cell_of_a_table_stays_one_cell() -> None:
    assert table(["a"], [["x | y\nz"]]) == "| a |\n| --- |\n| x \\| y z |"
