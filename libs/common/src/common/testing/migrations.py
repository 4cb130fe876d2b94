"""What every service promises about its database, its modules and its event tables."""

import asyncio
import importlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest_asyncio
from alembic.config import Config
from alembic.script import ScriptDirectory

from devstack.catalog import load_catalog
from devstack.fixtures import ServiceDatabase

_EMITTER_TABLES = {"outbox", "event_log", "stream_head", "epochs"}
_CONSUMER_TABLES = {"stream_cursor"}

# Run by a fresh interpreter without environment: whatever connects or reads settings fails.
_IMPORT = """
import importlib, pkgutil, socket, sys
def refuse(*_): raise AssertionError("importing a module connects")
socket.socket.connect = refuse
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
"""

# A process for several commands: starting one takes longer than any of them.
_ALEMBIC = """
import sys
from alembic.config import main
for command in sys.argv[1:]:
    main(argv=command.split())
"""


class MigrationConformance:
    """One history per service, which goes both ways and says what the models say."""

    @pytest_asyncio.fixture
    async def scratch(self, database: ServiceDatabase) -> AsyncIterator[ServiceDatabase]:
        """A migrated database of its own, as the tests of history need."""
        name = f"{urlsplit(database.app_url).path[1:]}_history"
        admin = await asyncpg.connect(database.admin_url)
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE template_{database.service}")
        yield ServiceDatabase(
            database.service,
            app_url=_renamed(database.app_url, name),
            owner_url=_renamed(database.owner_url, name),
            admin_url=_renamed(database.admin_url, name),
            emptying="",
        )
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.close()

    def test_history_has_one_head(self, package: str) -> None:
        config = Config(str(_folder(package) / "alembic.ini"))
        config.set_main_option("script_location", str(_folder(package) / "migrations"))
        assert len(ScriptDirectory.from_config(config).get_heads()) == 1

    async def test_migrations_go_down_and_up_and_match_the_models(
        self, package: str, scratch: ServiceDatabase
    ) -> None:
        assert await _tables(scratch)
        await _alembic(package, scratch, "check", "downgrade base")
        assert await _tables(scratch) == set()
        await _alembic(package, scratch, "upgrade head", "check")

    async def test_the_event_tables_exist(self, database: ServiceDatabase) -> None:
        entry = next(item for item in load_catalog() if item.name == database.service)
        tables = await _tables(database)
        assert not entry.emits or tables >= _EMITTER_TABLES
        assert not entry.consumes or tables >= _CONSUMER_TABLES

    async def test_importing_modules_opens_nothing_and_reads_no_settings(
        self, package: str
    ) -> None:
        # The sources under test may come by PYTHONPATH; nothing else is passed on.
        kept = ("PATH", "PYTHONPATH")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        await _run(_folder(package), environment, "-c", _IMPORT, package)


def _folder(package: str) -> Path:
    return Path(str(importlib.import_module(package).__file__)).parents[2]


def _renamed(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def _tables(database: ServiceDatabase) -> set[str]:
    connection = await asyncpg.connect(database.admin_url)
    try:
        rows = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tablename <> $2",
            database.service,
            "alembic_version",
        )
    finally:
        await connection.close()
    return {row["tablename"] for row in rows}


async def _alembic(package: str, database: ServiceDatabase, *commands: str) -> None:
    variable = f"{database.service.upper()}_MIGRATION_DATABASE_URL"
    environment = {**os.environ, variable: database.owner_url}
    await _run(_folder(package), environment, "-c", _ALEMBIC, *commands)


async def _run(folder: Path, environment: dict[str, str], *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
