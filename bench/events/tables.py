"""What is produced and what takes effect: one small row per event, the same for every contender."""

from typing import Any, ClassVar, Final
from uuid import UUID

import asyncpg
from sqlalchemy import BigInteger, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from common.contracts import Event
from common.db.base import TYPES

PRODUCER: Final = "ledger"
CONSUMER: Final = "reader"


class Noted(Event):
    """As large as most events of the platform: two ids, a number, a line of text."""

    wire_name: ClassVar = "ledger.noted.v1"

    note_id: UUID
    author_id: UUID
    n: int
    title: str


class Base(DeclarativeBase):
    metadata = MetaData()
    type_annotation_map: ClassVar[Any] = TYPES


class Fact(Base):
    """The producer's own row: its transaction is where the clock starts."""

    __tablename__ = "facts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)


class Effect(Base):
    """The consumer's row. Its key makes a second effect of the same event an error."""

    __tablename__ = "effects"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
    title: Mapped[str]


INSERT_EFFECT: Final = "INSERT INTO effects (id, n, title) VALUES ($1, $2, $3)"
# The number of effects so far is the sequence's last value: counting rows would cost more and more.
COUNT_EFFECTS: Final = """
    CREATE SEQUENCE effects_seq;
    ALTER TABLE effects ADD COLUMN seq bigint NOT NULL DEFAULT nextval('effects_seq')
"""
_PAYLOAD: Final = """
    jsonb_build_object('note_id', {id}, 'author_id', {id}, 'n', {n}, 'title', {title})
"""
TITLE: Final = "A title of forty characters, or nearly so"
HEADERS: Final = """
    '{"X-Request-ID": "0199a3d0-52b0-7f6e-9d21-4c8b0a7e3f06",
      "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}'::jsonb
"""
_OUTBOX: Final = "INSERT INTO outbox (event_id, type, key, payload, headers)"
# A hot route writes its row and its outbox row in one statement.
INSERT_FACT_AND_EVENT: Final = f"""
    WITH fact AS (INSERT INTO facts (id, n) VALUES ($1::uuid, $2::bigint))
    {_OUTBOX} VALUES ($1::uuid, '{Noted.wire_name}', $1::uuid::text,
        {_PAYLOAD.format(id="$1::uuid", n="$2::bigint", title="$3::text")}, {HEADERS})
"""  # noqa: S608 — literals of this module.
INSERT_FACT: Final = "INSERT INTO facts (id, n) VALUES ($1, $2)"
INSERT_BACKLOG: Final = f"""
    {_OUTBOX}
    SELECT id, '{Noted.wire_name}', id::text,
           {_PAYLOAD.format(id="id", n="n", title="$2::text")}, {HEADERS}
      FROM (SELECT uuidv7() AS id, n FROM generate_series(1, $1::bigint) n) s
"""  # noqa: S608 — as above.


type Connection = asyncpg.Connection


async def applied(connection: Connection) -> int:
    """Return how many effects there were since the tables were made."""
    query = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM effects_seq"
    return int(await connection.fetchval(query))
