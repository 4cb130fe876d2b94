"""Documents are what Pydantic would make of the same views."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypedDict
from uuid import UUID

import orjson
import pytest
from asyncpg.pgproto import pgproto
from pydantic import BaseModel, ConfigDict, Field, computed_field, field_serializer

from common.http.rendering import agree, json_response


class Colour(StrEnum):
    RED = "red"


class Owner(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str


class Thing(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    colour: Colour
    words: list[str]
    owner: Owner | None
    made_at: datetime | None


class OwnerDocument(TypedDict):
    name: str


class ThingDocument(TypedDict):
    id: UUID
    colour: str
    words: list[str]
    owner: OwnerDocument | None
    made_at: datetime | None


ID = "0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"


def thing(
    thing_id: UUID, colour: str, words: list[str], owner: str | None, made_at: datetime | None
) -> ThingDocument:
    card: OwnerDocument | None = None if owner is None else {"name": owner}
    return {"id": thing_id, "colour": colour, "words": words, "owner": card, "made_at": made_at}


@pytest.mark.parametrize(
    "document",
    [
        thing(UUID(ID), "red", ["ü", '"'], "ada", datetime.now(UTC)),
        thing(pgproto.UUID(ID), Colour.RED, [], None, None),
        thing(UUID(ID), "red", ["\u2028<"], None, datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_answer_is_what_pydantic_would_write(document: ThingDocument) -> None:
    agree(Thing, ThingDocument)
    body = bytes(json_response(document).body)
    assert body == Thing.model_validate(document).model_dump_json().encode()
    assert orjson.loads(body)["id"] == ID


class More(ThingDocument):
    secret: str


class Other(TypedDict):
    id: UUID
    colour: str
    words: list[str]
    owner: str | None
    made_at: datetime | None


class Deeper(TypedDict):
    id: UUID
    colour: str
    words: list[str]
    owner: ThingDocument | None
    made_at: datetime | None


@pytest.mark.parametrize("document", [More, OwnerDocument, Other, Deeper])
def test_a_document_that_says_something_else_than_its_schema_is_refused(document: Any) -> None:
    with pytest.raises(TypeError, match=r"has not the members|is not what"):
        agree(Thing, document)


class Renamed(BaseModel):
    name: str = Field(serialization_alias="called")


class Computed(BaseModel):
    name: str

    @computed_field  # type: ignore[prop-decorator]
    @property
    def length(self) -> int:
        return len(self.name)


class Serialized(BaseModel):
    name: str

    @field_serializer("name")
    def shout(self, name: str) -> str:
        return name.upper()


class Named(TypedDict):
    name: str


@pytest.mark.parametrize("model", [Renamed, Computed, Serialized])
def test_a_schema_that_says_more_than_names_is_refused(model: type[BaseModel]) -> None:
    with pytest.raises(TypeError, match="cannot be a document"):
        agree(model, Named)
