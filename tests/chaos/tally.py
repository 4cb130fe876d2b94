"""Process: a consumer of every producer that counts what took effect, and forgives nothing.

Services' copies are idempotent, so that a doubled effect would not show in them. This one adds a
row to a table without any unique constraint for each effect, in the transaction of the cursor.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic_settings import SettingsConfigDict
from sqlalchemy import BigInteger, Identity, MetaData, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from common.contracts import EVENTS, PostDeleted, PostPublished
from common.db import write_later
from common.db.base import NAMING, TYPES
from common.db.engine import asyncpg_url
from common.place import Place
from common.platform import Platform, open_platform
from common.settings import ServiceSettings
from common.streams import Copies, Copy, Handlers, Received, consumer_loops
from common.streams.tables import StreamCursor
from common.worker import run_worker

NAME: Final = "tally"
# The producers know no tally: it calls them with the key of a consumer that they do know.
CALLER: Final = "notifier"
POISON: Final = "poison"


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = TYPES


class Effect(Base):
    """One application of one event. Doubled effects are two rows."""

    __tablename__ = "effects"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    event_id: Mapped[UUID]
    producer: Mapped[str]
    epoch: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str]
    occurred_at: Mapped[datetime]
    applied_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class CopiedPost(Base):
    """A copy, rebuilt from the snapshot when the log no longer reaches back far enough.

    Without a title it is the tombstone of a deleted post.
    """

    __tablename__ = "copied_posts"

    post_id: Mapped[UUID] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    epoch: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)


class Fix(Base):
    """While the table is empty, the handler has a bug: it fails for titles that say `poison`."""

    __tablename__ = "fixes"

    id: Mapped[int] = mapped_column(primary_key=True)


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="TALLY_", frozen=True, extra="ignore")


class Poisoned(Exception):
    """The bug of the handler."""


@dataclass(frozen=True, slots=True)
class Tx:
    session: AsyncSession


# Constants, so that the rows of a batch are written together.
_ADD_EFFECT: Final = insert(Effect)
_NEW: Final = insert(CopiedPost)
_KEEP: Final = _NEW.on_conflict_do_update(
    index_elements=[CopiedPost.post_id],
    set_={name: _NEW.excluded[name] for name in ("title", "epoch", "position")},
    where=tuple_(CopiedPost.epoch, CopiedPost.position)
    < tuple_(_NEW.excluded.epoch, _NEW.excluded.position),
)


async def count(tx: Tx, event: Received[Any]) -> None:
    """Write down that the event took effect."""
    if isinstance(event.data, PostPublished):
        await copy(tx, event)
    elif isinstance(event.data, PostDeleted):
        _keep(tx, event.data.post_id, None, event.place)
    effect = {
        "event_id": event.id,
        "producer": event.data.wire_name.partition(".")[0],
        "epoch": event.place.epoch,
        "position": event.place.position,
        "type": event.data.wire_name,
        "occurred_at": event.occurred_at,
    }
    write_later(tx.session, _ADD_EFFECT, effect)


async def copy(tx: Tx, event: Received[PostPublished]) -> None:
    """Copy a post, unless something newer is known of it."""
    if POISON in event.data.title and await tx.session.scalar(select(func.count(Fix.id))) == 0:
        raise Poisoned(event.data.title)
    _keep(tx, event.data.post_id, event.data.title, event.place)


def _keep(tx: Tx, post_id: UUID, title: str | None, place: Place) -> None:
    row = {"post_id": post_id, "title": title, "epoch": place.epoch, "position": place.position}
    write_later(tx.session, _KEEP, row)


async def forget(tx: Tx, place: Place) -> None:
    """Drop the posts that a snapshot of `place` lacks."""
    row = tuple_(CopiedPost.epoch, CopiedPost.position)
    older = delete(CopiedPost).where(row < tuple_(place.epoch, place.position))
    await tx.session.execute(older)


HANDLERS: Handlers[Tx] = dict.fromkeys(EVENTS, count)
COPIES: Copies[Tx] = {PostPublished: Copy(copy, forget)}


async def create_tables(owner_url: str) -> None:
    """Create the tables in an empty database."""
    engine = create_async_engine(asyncpg_url(owner_url))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.run_sync(StreamCursor.metadata.create_all, tables=_consumer_tables())
    await engine.dispose()


def _consumer_tables() -> list[Any]:
    tables = StreamCursor.metadata.tables
    return [tables[name] for name in ("stream_cursor", "parked_events", "lost_ranges")]


async def run(settings: Settings) -> None:
    """Consume until told to stop."""
    async with open_platform(CALLER, settings) as platform:
        loops = consumer_loops(
            NAME,
            HANDLERS,
            COPIES,
            transaction=lambda: _transaction(platform),
            streams=platform.streams,
            peers=platform.peers,
        )
        await run_worker(NAME, settings, platform, loops)


@asynccontextmanager
async def _transaction(platform: Platform) -> AsyncIterator[Tx]:
    async with platform.database.transaction() as session:
        yield Tx(session)


if __name__ == "__main__":
    asyncio.run(run(Settings()))
