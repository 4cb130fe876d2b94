"""Creates what a service may not create itself: the database, two roles a service, its schema.

Idempotent, and safe when two run at once. Run as `python -m common.db.provision SERVICE…` with
PROVISION_ADMIN_URL and, per service, <P>_DATABASE_URL and <P>_MIGRATION_DATABASE_URL set.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

# What a runaway statement of a service may hold up, at most (DESIGN 1).
ROLE_SETTINGS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "5s",
}
_LOCK_KEY = 0x434F4C4F  # "COLO": one provisioning at a time.


@dataclass(frozen=True, slots=True)
class ServiceRole:
    """A service's two logins: `app_url` has DML only, `owner_url` owns the schema and migrates."""

    name: str
    app_url: str
    owner_url: str


async def provision(admin_url: str, services: Sequence[ServiceRole]) -> None:
    """Create the database, roles, schemas and grants that the URLs name.

    Args:
        admin_url: PostgreSQL URL of a role that may create databases and roles.
        services: The services; all URLs must name the same database.

    Raises:
        asyncpg.PostgresError: The admin may not do this; the message of the server says what.
        ValueError: The URLs name different databases.
    """
    names = {urlsplit(url).path.lstrip("/") for s in services for url in (s.app_url, s.owner_url)}
    if len(names) != 1:
        msg = f"the services' URLs must name one database, they name {sorted(names)}"
        raise ValueError(msg)
    database = names.pop()
    async with aclosing(await _connect(admin_url)) as admin:
        await admin.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY)
        for service in services:
            await _create_role(
                admin, service.app_url, ROLE_SETTINGS | {"search_path": service.name}
            )
            await _create_role(admin, service.owner_url, {"search_path": service.name})
        if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await _run(admin, "CREATE DATABASE %I", database)
        target = urlunsplit(urlsplit(admin_url)._replace(path=f"/{database}"))
        async with aclosing(await _connect(target)) as connection:
            await _create_schemas(connection, services)


class _Connection:
    """asyncpg's connection with an `aclose`, so that it closes like every other resource."""

    def __init__(self, connection: Any) -> None:
        self.execute = connection.execute
        self.fetchval = connection.fetchval
        self.aclose = connection.close


async def _connect(url: str) -> _Connection:
    return _Connection(await asyncpg.connect(url, timeout=10))


async def _run(connection: _Connection, template: str, *names: str) -> None:
    """Run DDL that takes no parameters: the server itself quotes %I and %L."""
    placeholders = ", ".join(f"${i + 2}::text" for i in range(len(names)))
    sql = await connection.fetchval(f"SELECT format($1, {placeholders})", template, *names)
    await connection.execute(sql)


async def _create_role(admin: _Connection, url: str, settings: dict[str, str]) -> None:
    parts = urlsplit(url)
    role, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        await _run(admin, "CREATE ROLE %I LOGIN", role)
    await _run(admin, "ALTER ROLE %I LOGIN PASSWORD %L", role, password)
    for name, value in settings.items():
        await _run(admin, "ALTER ROLE %I SET %I = %L", role, name, value)
    # A managed server's admin is no superuser: it must be a member to hand the schema over.
    if not await admin.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        await _run(admin, "GRANT %I TO CURRENT_USER", role)


async def _create_schemas(connection: _Connection, services: Sequence[ServiceRole]) -> None:
    await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for service in services:
        app, owner = (
            unquote(urlsplit(u).username or "") for u in (service.app_url, service.owner_url)
        )
        await _run(
            connection, "CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I", service.name, owner
        )
        await _run(connection, "GRANT USAGE ON SCHEMA %I TO %I", service.name, app)
        for kind, rights in (
            ("TABLES", "SELECT, INSERT, UPDATE, DELETE"),
            ("SEQUENCES", "USAGE, SELECT"),
        ):
            await _run(
                connection,
                f"ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT {rights} ON {kind} TO %I",
                owner, service.name, app,
            )  # fmt: skip


def role_from_environment(service: str) -> ServiceRole:
    """Read a service's two URLs from the environment.

    Raises:
        KeyError: A variable is missing; the key is its name.
    """
    prefix = service.upper()
    return ServiceRole(
        service,
        os.environ[f"{prefix}_DATABASE_URL"],
        os.environ[f"{prefix}_MIGRATION_DATABASE_URL"],
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Provision the services named on the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m common.db.provision", description=__doc__)
    parser.add_argument("services", nargs="+", metavar="SERVICE")
    names = parser.parse_args(argv).services
    try:
        roles = [role_from_environment(name) for name in names]
        admin_url = os.environ["PROVISION_ADMIN_URL"]
    except KeyError as missing:
        sys.stderr.write(f"provision: set {missing.args[0]}\n")
        return 2
    try:
        asyncio.run(provision(admin_url, roles))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        sys.stderr.write(f"provision: {error}\n")
        return 1
    sys.stdout.write(f"provisioned: {' '.join(names)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
