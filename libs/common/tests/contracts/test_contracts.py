"""Published events stay what they are, and the check that says so sees each kind of change."""

import json
import re
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import pytest
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    create_model,
)

from common.contracts import EVENTS, Event, WireName, parse_wire_name
from common.testing.contracts import PUBLISHED, check_contracts, frozen_files, read_sample

GOLDEN = Path(__file__).parent / "golden"
NAME = "library.book_lent.v1"
BOOK = "0199a3d0-52b6-7a94-b1e7-8f4c2d6a0e04"


class Tone(StrEnum):
    LIGHT = "light"
    DARK = "dark"


class Reader(BaseModel):
    name: str
    tone: Tone = Tone.LIGHT


class BookLent(Event):
    wire_name: ClassVar = NAME

    book_id: UUID = Field(examples=[BOOK])
    title: str = Field(examples=["Sketch of the Engine"])
    until: datetime = Field(examples=["2026-03-01T09:30:00Z"])
    days: int = Field(14, examples=[30])
    note: str | None = Field(None, examples=["worn"])
    readers: list[Reader] = Field([], examples=[[{"name": "Ada", "tone": "dark"}]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which BookLent is frozen."""
    for path, text in frozen_files({NAME: BookLent}, tmp_path).items():
        path.write_text(text, encoding="utf-8")
    return tmp_path


def changed(base: type[BaseModel] = BookLent, drop: str = "", **fields: Any) -> type[BaseModel]:
    """Return a model like `base`, with fields replaced or added as (type, default) and one less."""
    kept: dict[str, Any] = {
        name: (field.annotation, field)
        for name, field in base.model_fields.items()
        if name not in {drop, *fields}
    }
    config = ConfigDict(extra="ignore")
    # The name stays: references between schemas are made of it.
    model: type[BaseModel] = create_model(base.__name__, __config__=config, **kept | fields)
    return model


def upper(value: str) -> str:
    return value.upper()


def refuse_all(_value: str) -> str:
    message = "no title is good enough"
    raise ValueError(message)


def readers(**fields: Any) -> dict[str, Any]:
    return {"readers": (list[changed(Reader, **fields)], [])}  # type: ignore[misc] # Made here.


def wider_enumeration() -> dict[str, Any]:
    tone = StrEnum("Tone", ["LIGHT", "DARK", "DIM"])  # type: ignore[misc] # Not the one above.
    return readers(tone=(tone, "light"))


BREAKING = {
    "removed": ({"drop": "title"}, "title is gone"),
    "renamed": ({"drop": "title", "name": (str, "x")}, "title is gone"),
    "optional removed": ({"drop": "note"}, "note is gone"),
    "new required": ({"shelf": (str, ...)}, "shelf has no default"),
    "other type": ({"days": (str, "14")}, "days changed"),
    "narrowed format": ({"title": (UUID, ...)}, "title changed"),
    "widened format": ({"book_id": (str, ...)}, "book_id changed"),
    "narrowed length": ({"title": (str, Field(max_length=80))}, "title changed"),
    "narrowed range": ({"days": (int, Field(14, ge=1))}, "days changed"),
    "now nullable": ({"title": (str | None, ...)}, "title changed"),
    "no longer nullable": ({"note": (str, "")}, "note changed"),
    "now optional": ({"title": (str, "untitled")}, "title changed"),
    "now required": ({"days": (int, ...)}, "days changed"),
    "other default": ({"days": (int, 7)}, "days changed"),
    "literal": ({"title": (Literal["a", "b"], ...)}, "title changed"),
    "renamed on the wire": (
        {"title": (str, Field(serialization_alias="t", validation_alias="t"))},
        "title is gone",
    ),
    "other items": ({"readers": (list[str], [])}, "readers changed"),
    "nested removed": (readers(drop="tone"), r"Reader\.tone is gone"),
    "nested required": (readers(age=(int, ...)), r"Reader\.age has no default"),
    "wider enumeration": (wider_enumeration(), "Tone changed"),
    "validator": (
        {"title": (Annotated[str, AfterValidator(refuse_all)], ...)},
        "sample is refused .*no title is good enough",
    ),
    "serializer": ({"title": (Annotated[str, PlainSerializer(upper)], ...)}, "sent differently"),
}


@pytest.mark.parametrize(("change", "complaint"), BREAKING.values(), ids=BREAKING)
def test_a_change_that_consumers_would_not_understand_is_refused(
    folder: Path, change: dict[str, Any], complaint: str
) -> None:
    contracts = {NAME: changed(**change)}

    complaints = check_contracts(contracts, folder)

    assert any(re.search(complaint, line) for line in complaints), complaints
    assert all(line.startswith(NAME) and "next version" in line for line in complaints)
    assert all(path.read_text() == text for path, text in frozen_files(contracts, folder).items())


COMPATIBLE: dict[str, dict[str, Any]] = {
    "none": {},
    "new field with a default": {"shelf": (str, "A")},
    "new nullable field": {"shelf": (str | None, None)},
    "new field with a made default": {"shelves": (list[str], Field(default_factory=list))},
    "new nested field": readers(age=(int, 0)),
    "new words": {"title": (str, Field(description="What it is called.", title="Title"))},
}


@pytest.mark.parametrize("change", COMPATIBLE.values(), ids=COMPATIBLE)
def test_what_older_consumers_ignore_may_be_added(folder: Path, change: dict[str, Any]) -> None:
    assert check_contracts({NAME: changed(**change)}, folder) == []


def test_an_added_field_is_frozen_from_then_on(folder: Path) -> None:
    sample = read_sample(folder, NAME)
    extended = changed(shelf=(str, "A"))
    for path, text in frozen_files({NAME: extended}, folder).items():
        path.write_text(text)

    assert check_contracts({NAME: extended}, folder) == []
    assert "shelf is gone" in check_contracts({NAME: BookLent}, folder)[0]
    assert read_sample(folder, NAME) == sample


def test_an_event_that_goes_or_changes_its_wire_name_is_missed(folder: Path) -> None:
    renamed = check_contracts({"library.book_given.v1": BookLent}, folder)

    assert check_contracts({}, folder)[0].startswith(f"{NAME} is gone")
    assert renamed[0].startswith(f"{NAME} is gone")
    assert renamed[1].startswith("library.book_given.v1 is not frozen yet: run `make docs`")


def test_an_event_without_examples_is_not_frozen(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"BookLent\.shelf needs .*examples"):
        frozen_files({NAME: changed(shelf=(str, ...))}, tmp_path)


def test_an_example_must_look_as_it_is_sent(tmp_path: Path) -> None:
    shouting = changed(book_id=(UUID, Field(examples=[BOOK.upper()])))
    with pytest.raises(ValueError, match="as they are sent"):
        frozen_files({NAME: shouting}, tmp_path)


def test_every_published_contract_is_what_it_was() -> None:
    assert check_contracts(PUBLISHED, GOLDEN) == []


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.wire_name)
def test_unknown_fields_are_ignored(event: type[Event]) -> None:
    payload = read_sample(GOLDEN, event.wire_name)

    assert event.model_validate({**payload, "later": 1}) == event.model_validate(payload)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.wire_name)
def test_an_event_says_whose_it_is_and_what_keeps_its_order(event: type[Event]) -> None:
    name = parse_wire_name(event.wire_name)
    words = (
        re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower().removesuffix(f"_v{name.version}")
    )
    key = re.search(r"^Key: (.+)\.$", event.__doc__ or "", re.MULTILINE | re.DOTALL)

    assert event.__module__ == f"common.contracts.{name.producer}"
    assert words.removesuffix(f"_v{name.version}") == name.fact
    assert key, "its docstring must end with a line like: Key: `post_id`."
    assert set(re.findall(r"`(\w+)`", key[1])) <= event.model_fields.keys()


def test_every_event_class_is_published_under_a_name_of_its_own() -> None:
    assert len({event.wire_name for event in EVENTS}) == len(EVENTS)
    classes = {c for c in Event.__subclasses__() if c.__module__.startswith("common.contracts.")}
    assert classes == set(EVENTS)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("users.profile_changed.v1", WireName("users", "profile_changed", 1)),
        ("users.profile_changed.v2", WireName("users", "profile_changed", 2)),
        ("auth.x.v10", WireName("auth", "x", 10)),
    ],
)
def test_a_wire_name_has_three_parts(name: str, parts: WireName) -> None:
    assert parse_wire_name(name) == parts


def test_another_version_is_the_same_kind_of_event() -> None:
    old, new = (
        parse_wire_name("users.profile_changed.v1"),
        parse_wire_name("users.profile_changed.v2"),
    )

    assert old != new
    assert old[:2] == new[:2]
    assert old[:2] != parse_wire_name("users.user_followed.v1")[:2]


@pytest.mark.parametrize(
    "name",
    ["", "users", "users.profile_changed", "users.profile_changed.v0", "users.profile_changed.v01",
     "users.profile_changed.2", "Users.profile_changed.v1", "users.a.b.v1", "users..v1",
     "users.profile_changed.v1\n", "users.profile_changed.v1.1", "users.profile_changed.v٢"],
)  # fmt: skip
def test_what_no_contract_can_be_called_is_no_wire_name(name: str) -> None:
    with pytest.raises(ValueError, match="is not a wire name"):
        parse_wire_name(name)


def test_a_golden_file_holds_the_payload_and_its_schema(folder: Path) -> None:
    frozen = json.loads((folder / f"{NAME}.json").read_text())

    assert frozen["sample"]["book_id"] == BOOK
    assert frozen["schema"]["required"] == ["book_id", "title", "until"]
    with pytest.raises(ValidationError):
        BookLent.model_validate({**frozen["sample"], "until": "soon"})
