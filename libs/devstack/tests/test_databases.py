"""A service's database in tests: migrated once, cloned, put back to what the migrations left."""

from pathlib import Path
from textwrap import dedent

import asyncpg
import pytest

from devstack.databases import Databases, ServiceDatabase

MIGRATION = """
CREATE TABLE parents (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL,
                      upper_name text GENERATED ALWAYS AS (upper(name)) STORED);
CREATE TABLE children (parent_id bigint NOT NULL REFERENCES parents);
CREATE TABLE alembic_version (version_num text NOT NULL);
INSERT INTO parents (name) VALUES ('Root''s; own'); INSERT INTO alembic_version VALUES ('0001');
"""
ENV = """
import asyncio, os, asyncpg

async def migrate():
    connection = await asyncpg.connect(os.environ["LIBRARY_MIGRATION_DATABASE_URL"])
    await connection.execute(open("migrations/schema.sql").read())
    await connection.close()

asyncio.run(migrate())
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one service whose migration runs plain SQL."""
    migrations = tmp_path / "services" / "library" / "migrations"
    migrations.mkdir(parents=True)
    (tmp_path / "services" / "library" / "alembic.ini").write_text(
        dedent("""\
        [alembic]
        script_location = migrations
        path_separator = os
        """)
    )
    (migrations / "env.py").write_text(ENV)
    (migrations / "schema.sql").write_text(MIGRATION)
    monkeypatch.setenv("COLONNADE_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def databases(checkout: Path, own_postgres: str) -> Databases:
    return Databases(own_postgres, checkout, checkout.name.replace("-", "_"))


async def rows(database: ServiceDatabase, query: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(database.app_url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_emptying_leaves_what_the_migrations_wrote_and_nothing_else(
    databases: Databases,
) -> None:
    database = databases("library")
    await rows(database, "INSERT INTO parents (name) VALUES ('other') RETURNING id")
    await rows(database, "INSERT INTO children SELECT id FROM parents")
    await rows(database, "UPDATE parents SET name = 'changed' WHERE id = 1")

    await database.empty()

    assert await rows(database, "SELECT * FROM parents") == [(1, "Root's; own", "ROOT'S; OWN")]
    assert await rows(database, "SELECT * FROM children") == []
    assert await rows(database, "SELECT * FROM alembic_version") == [("0001",)]
    await databases.close()


async def test_a_service_reads_and_writes_but_does_not_define(databases: Databases) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await rows(databases("library"), "CREATE TABLE library.more (id int)")


async def test_a_migration_that_fails_is_named_with_its_output(
    databases: Databases, checkout: Path
) -> None:
    (checkout / "services/library/migrations/schema.sql").write_text("CREATE TABLE nonsense")
    with pytest.raises(RuntimeError, match=r"migrations of library failed(.|\n)*syntax error"):
        databases("library")
