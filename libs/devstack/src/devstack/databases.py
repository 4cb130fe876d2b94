"""Databases for tests: one template per service, migrated once per run; clones of it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from common.db.provision import ServiceRole, provision
from devstack.catalog import find_root
from devstack.servers import locked

EMPTYING_FILE = "emptying.sql"


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """One service's database of one xdist worker; `admin_url` is the superuser's."""

    service: str
    app_url: str
    owner_url: str
    admin_url: str
    emptying: str = field(repr=False)
    _connections: list["asyncpg.Connection[asyncpg.Record]"] = field(default_factory=list)

    async def empty(self) -> None:
        """Bring every table back to what the migrations left in it, by one statement."""
        if not self._connections:
            self._connections.append(await asyncpg.connect(self.admin_url))
        await self._connections[0].execute(self.emptying)

    async def close(self) -> None:
        """Release the connection that `empty` keeps."""
        while self._connections:
            await self._connections.pop().close()


class Databases:
    """Makes the databases of one xdist worker; `directory` is shared with the others."""

    def __init__(self, admin_url: str, directory: Path, worker: str) -> None:
        self._admin_url = admin_url
        self._directory = directory
        self._worker = worker
        self._made: dict[str, ServiceDatabase] = {}

    def __call__(self, service: str) -> ServiceDatabase:
        """The database of `service`, made when it is first asked for."""
        if service not in self._made:
            # A thread of its own, because the caller may be inside a running event loop.
            with ThreadPoolExecutor(1) as thread:
                self._made[service] = thread.submit(asyncio.run, self._make(service)).result()
        return self._made[service]

    async def close(self) -> None:
        """Release what the databases keep open."""
        for database in self._made.values():
            await database.close()

    async def _make(self, service: str) -> ServiceDatabase:
        template, clone = f"template_{service}", f"{service}_{self._worker}"
        emptying = self._directory / f"{service}-{EMPTYING_FILE}"
        with locked(self._directory / f"{service}.lock"):
            if not emptying.exists():
                await self._make_template(service, template)
                emptying.write_text(await _emptying(self._url(template)), encoding="utf-8")
            async with _connection(self._admin_url) as admin:
                await admin.execute(f"DROP DATABASE IF EXISTS {clone} WITH (FORCE)")
                await admin.execute(
                    f"CREATE DATABASE {clone} TEMPLATE {template} STRATEGY FILE_COPY"
                )
        return ServiceDatabase(
            service,
            app_url=self._url(clone, service),
            owner_url=self._url(clone, f"{service}_owner"),
            admin_url=self._url(clone),
            emptying=emptying.read_text(encoding="utf-8"),
        )

    async def _make_template(self, service: str, template: str) -> None:
        async with _connection(self._admin_url) as admin:
            await admin.execute(f"DROP DATABASE IF EXISTS {template} WITH (FORCE)")
        app_url = self._url(template, service)
        owner_url = self._url(template, f"{service}_owner")
        await provision(self._admin_url, [ServiceRole(service, app_url, owner_url)])
        migrate(service, owner_url)

    def _url(self, database: str, user: str | None = None) -> str:
        parts = urlsplit(self._admin_url)
        access = f"{user}:{user}@{parts.hostname}:{parts.port}" if user else parts.netloc
        return urlunsplit((parts.scheme, access, f"/{database}", "", ""))


async def empty(database: ServiceDatabase) -> None:
    """As `database.empty()`."""
    await database.empty()


def migrate(service: str, owner_url: str) -> None:
    """Run the migrations of `service` to their head, as its owner."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=find_root() / "services" / service,
        env=os.environ | {f"{service.upper()}_MIGRATION_DATABASE_URL": owner_url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the migrations of {service} failed:\n{done.stdout}{done.stderr}")


async def _emptying(url: str) -> str:
    """The statement that deletes all rows and puts back those that the migrations wrote."""
    async with _connection(url) as admin:
        tables = [(row["name"], row["columns"]) for row in await admin.fetch(_TABLES)]
        left = [
            (name, columns, rows)
            for name, columns in tables
            if (rows := await admin.fetchval(f"SELECT json_agg(t) FROM {name} t"))  # noqa: S608 - quoted by the server
        ]
    settings = ["SET session_replication_role = replica", "SET lock_timeout = '10s'"]
    deletes = [f"DELETE FROM {name}" for name, _ in tables]  # noqa: S608 - as above
    return "; ".join([*settings, *deletes, *(_insert(*each) for each in left)])


def _insert(table: str, columns: str, rows: str) -> str:
    literal = rows.replace("'", "''")
    return (
        f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} "  # noqa: S608 - quoted by the server
        f"FROM json_populate_recordset(NULL::{table}, '{literal}')"
    )


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


_TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) AS name,
       string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
       AND NOT a.attisdropped AND a.attgenerated = ''
 WHERE c.relkind = 'r' AND c.relname <> 'alembic_version'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
 GROUP BY n.nspname, c.relname
 ORDER BY 1
"""
