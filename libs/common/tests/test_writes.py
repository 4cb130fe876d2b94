"""Rows that are written together take effect as if each had been written when it was asked for."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import ForeignKey, bindparam, text, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.event import listen
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from common.db import Database, open_database, write_later
from common.ids import new_id
from common.settings import DatabaseSettings


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "written_items"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Note(Base):
    """Of no item."""

    __tablename__ = "written_notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int]


class Part(Base):
    __tablename__ = "written_parts"

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey(Item.id))


ADD = insert(Item)
ADD_NOTE = insert(Note)
ADD_PART = insert(Part)
RENAME = update(Item).where(Item.id == bindparam("of")).values(name=bindparam("to"))


@pytest.fixture
async def database(postgres_server: str) -> AsyncIterator[Database]:
    # A schema of its own: tests run side by side on one server.
    schema = f"writes_{new_id().hex}"
    url = f"{postgres_server}?search_path={schema}"
    async with open_database(DatabaseSettings(database_url=url)) as opened:
        async with opened.engine.begin() as connection:
            await connection.execute(text(f"CREATE SCHEMA {schema}"))
            await connection.run_sync(Base.metadata.create_all)
        yield opened
        async with opened.engine.begin() as connection:
            await connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))


async def items(session: AsyncSession) -> dict[int, str]:
    rows = await session.execute(text("SELECT id, name FROM written_items ORDER BY id"))
    return {row.id: row.name for row in rows}


async def committed(database: Database) -> dict[int, str]:
    async with database.transaction() as session:
        return await items(session)


@pytest.mark.parametrize(("other", "statements"), [(ADD_NOTE, 2), (ADD_PART, 4)])
async def test_rows_of_tables_that_do_not_refer_to_each_other_are_written_together(
    database: Database, other: Insert, statements: int
) -> None:
    executed: list[object] = []

    def note(*event: object) -> None:
        executed.append(event)

    listen(database.engine.sync_engine, "before_cursor_execute", note)
    async with database.transaction() as session:
        for number in (1, 2):
            write_later(session, ADD, {"id": number, "name": "new"})
            write_later(session, other, {"id": number, "item_id": number})
    assert len(executed) == statements


async def test_the_transaction_reads_what_it_wrote_in_the_order_of_its_calls(
    database: Database,
) -> None:
    async with database.transaction() as session:
        for number in (1, 2):
            write_later(session, ADD, {"id": number, "name": "new"})
        write_later(session, RENAME, {"of": 1, "to": "first"})
        write_later(session, ADD, {"id": 3, "name": "new"})
        write_later(session, RENAME, {"of": 3, "to": "third"})
        assert await items(session) == {1: "first", 2: "new", 3: "third"}


async def test_what_is_never_read_is_written_by_the_commit(database: Database) -> None:
    async with database.transaction() as session:
        write_later(session, RENAME, {"of": 1, "to": "renamed"})
        session.add(Item(id=1, name="an object"))
    assert await committed(database) == {1: "renamed"}


async def test_an_error_shows_in_the_commit_and_nothing_stays(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.transaction() as session:
            for number in (1, 2, 1):
                write_later(session, ADD, {"id": number, "name": "twice"})
    assert await committed(database) == {}


async def test_a_savepoint_takes_back_only_its_own_rows(database: Database) -> None:
    async with database.transaction() as session:
        write_later(session, ADD, {"id": 1, "name": "before"})
        with pytest.raises(ValueError, match="back"):
            async with session.begin_nested():
                write_later(session, ADD, {"id": 2, "name": "within"})
                raise ValueError("back")
        write_later(session, ADD, {"id": 3, "name": "after"})
    assert await committed(database) == {1: "before", 3: "after"}
