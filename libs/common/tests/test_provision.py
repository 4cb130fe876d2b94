"""Two roles a service: the owner migrates, the other has DML only; neither sees another schema."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from common.db.provision import ROLE_SETTINGS, ServiceRole, main, provision


def service(admin_url: str, name: str, database: str) -> ServiceRole:
    parts = urlsplit(admin_url)

    def url(role: str) -> str:
        access = f"{role}:it%27s%20{role}@{parts.hostname}:{parts.port}"
        return urlunsplit((parts.scheme, access, f"/{database}", "", ""))

    return ServiceRole(name, url(f"{name}_app"), url(f"{name}_own"))


async def run(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.fixture
async def two(postgres_server: str, worker_id: str) -> AsyncIterator[list[ServiceRole]]:
    database = f"provisioned_{worker_id}"
    services = [
        service(postgres_server, f"{name}_{worker_id}", database) for name in ("left", "right")
    ]
    await provision(postgres_server, services)
    await run(services[0].owner_url, "CREATE TABLE things (id int PRIMARY KEY)")
    yield services
    await run(postgres_server, f"DROP DATABASE {database} WITH (FORCE)")


async def test_the_service_reads_and_writes_what_its_owner_made(two: list[ServiceRole]) -> None:
    await run(two[0].app_url, "INSERT INTO things VALUES (1); DELETE FROM things")


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE more (id int)",
        "ALTER TABLE things ADD COLUMN name text",
        "DROP TABLE things",
        "TRUNCATE things",
        "CREATE TABLE public.more (id int)",
    ],
)
async def test_the_service_has_no_rights_beyond_dml(two: list[ServiceRole], sql: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(two[0].app_url, sql)


async def test_neither_role_sees_the_schema_of_another_service(two: list[ServiceRole]) -> None:
    for url in (two[1].app_url, two[1].owner_url):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(url, f"TABLE {two[0].name}.things")


async def test_a_runaway_statement_of_a_service_is_bounded(two: list[ServiceRole]) -> None:
    connection = await asyncpg.connect(two[0].app_url)
    for name, value in ROLE_SETTINGS.items():
        assert await connection.fetchval("SELECT current_setting($1)", name) == value
    await connection.close()


async def test_provisioning_again_changes_passwords_and_nothing_else(
    postgres_server: str, two: list[ServiceRole]
) -> None:
    changed = [
        ServiceRole(each.name, each.app_url.replace("it%27s", "now"), each.owner_url)
        for each in two
    ]
    await provision(postgres_server, changed)
    await run(changed[0].app_url, "SELECT * FROM things")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await run(two[0].app_url, "SELECT 1")


def test_a_missing_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PROVISION_ADMIN_URL", raising=False)
    monkeypatch.setenv("LEFT_DATABASE_URL", "postgresql://a@b/c")
    monkeypatch.setenv("LEFT_MIGRATION_DATABASE_URL", "postgresql://a@b/c")
    assert main(["left"]) == 2
    assert "PROVISION_ADMIN_URL" in capsys.readouterr().err
