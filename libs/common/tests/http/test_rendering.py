"""Documents are what Pydantic would make of the same views."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

import orjson
import pytest
from asyncpg.pgproto import pgproto
from pydantic import BaseModel, ConfigDict, Field, computed_field, field_serializer

from common.http.rendering import json_response, renderer


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


@dataclass
class OwnerView:
    name: str
    secret: str


@dataclass
class ThingView:
    id: UUID
    colour: str
    words: list[str]
    owner: OwnerView | None
    made_at: datetime | None
    secret: str = "not shown"


ID = "0199a3c1-7c40-7b52-9f3e-5d2a8c1e4b01"


@pytest.mark.parametrize(
    "view",
    [
        ThingView(UUID(ID), "red", ["ü", '"'], OwnerView("ada", "x"), datetime.now(UTC)),
        ThingView(pgproto.UUID(ID), Colour.RED, [], None, None),
        ThingView(UUID(ID), "red", ["\u2028<"], None, datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_document_is_what_its_schema_says(view: ThingView) -> None:
    body = bytes(json_response(renderer(Thing)(view)).body)
    assert body == Thing.model_validate(view).model_dump_json().encode()
    assert b"secret" not in body
    assert b"not shown" not in body
    assert orjson.loads(body)["id"] == ID


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


class Within(BaseModel):
    inner: Renamed | None


@pytest.mark.parametrize("model", [Renamed, Computed, Serialized, Within])
def test_a_schema_that_says_more_than_names_is_refused(model: type[BaseModel]) -> None:
    with pytest.raises(TypeError, match="cannot be rendered"):
        renderer(model)
