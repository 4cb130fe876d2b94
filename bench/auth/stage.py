"""The servers of one run: auth's app on the core that is measured, all else on the others.

Besides auth there is posts, whose reads tell what a storm of logins costs others.
"""

import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg

from auth_service.settings import Settings
from auth_service.usecases.keys import AccessTokenSigner
from bench.auth.bare import PASSWORD, BareJob
from bench.machine import ROOT, Cores
from bench.parts import in_database, sign_token, signing_key, start_part
from bench.routes import data
from bench.routes.data import Shape
from bench.routes.requests import Requests
from bench.routes.stage import Process
from common.ids import new_id
from devstack.environments import DATABASE
from devstack.layout import Layout
from devstack.parts import Part
from devstack.processes import free_port
from devstack.settings import StackSettings
from devstack.topology import build_parts

_PARTS: Final = (
    *("postgres", "valkey", "provision", "auth-migrations", "posts-migrations"),
    *("auth-app", "auth-worker", "posts-app"),
)
_MEASURED: Final = "auth-app"
_READ: Final = "posts-app"
_TOKEN_SECONDS: Final = 4 * 3600
_POSTS: Final = 10_000
_PEOPLE: Final = Shape(authors=2_000, readers=200, followed=50, writers=1)
_ACCOUNTS: Final = "id email username password_hash verified_at"


@dataclass(frozen=True)
class Stage:
    """The running servers, with accounts and posts.

    Attributes:
        folder: Of logs and jobs.
        cores: Who gets which.
        auth: The process that is measured.
        posts: The one whose reads go on.
        requests: What readers ask posts for.
        names: Of the accounts; see `address_of`.
        hash: The parameters that auth hashes with.
    """

    folder: Path
    cores: Cores
    auth: Process
    posts: Process
    requests: Requests
    names: list[str]
    hash: BareJob


def address_of(name: str) -> str:
    """Return the address of an account, or of nobody."""
    return f"{name}@example.com"


@asynccontextmanager
async def open_stage(
    cores: Cores, accounts: int, profile: Path | None = None
) -> AsyncIterator[Stage]:
    """Start the servers in a folder that is gone afterwards.

    Args:
        cores: Who gets which.
        accounts: How many there are, all of them verified.
        profile: Where the app of auth writes at its end what it did since SIGUSR1.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="colonnade-bench-")))
        settings = StackSettings(gateway_port=free_port(), mailbox_port=free_port())
        parts = {part.name: part for part in build_parts(Layout(ROOT, folder), settings)}
        key = signing_key()
        pem = key.as_pem(private=True).decode()
        auth = parts[_MEASURED]
        parts[_MEASURED] = replace(auth, environment={**auth.environment, "AUTH_SIGNING_KEY": pem})
        if profile is not None:
            parts[_MEASURED] = replace(parts[_MEASURED], command=_profiled(profile))
        pids = {}
        for name in _PARTS:
            own = cores.measured if name == _MEASURED else cores.others
            pids[name] = await start_part(parts[name], folder, own, stack)
        signer = AccessTokenSigner(lambda _: key, settings.gateway_url, "colonnade", _TOKEN_SECONDS)
        names = [f"known{number:05}" for number in range(accounts)]
        parameters = _parameters(auth)
        await _write_accounts(parts, names, parameters.hasher.hash(PASSWORD))
        await _write_posts(parts)
        yield Stage(
            folder,
            cores,
            Process(auth.port or 0, pids[_MEASURED]),
            Process(parts[_READ].port or 0, pids[_READ]),
            Requests(_PEOPLE, partial(sign_token, signer), _POSTS),
            names,
            parameters,
        )


def _profiled(file: Path) -> list[str]:
    return [sys.executable, "-m", "bench.routes.profiled", str(file), "auth_service.app"]


def _parameters(auth: Part) -> BareJob:
    """Return what auth hashes with: what the caller set, else the defaults."""
    chosen = {
        name: int(auth.environment.get(f"AUTH_{name}".upper(), field.default))
        for name, field in Settings.model_fields.items()
        if name.startswith("argon2_")
    }
    return BareJob(
        0.0, chosen["argon2_iterations"], chosen["argon2_memory_kib"], chosen["argon2_parallelism"]
    )


async def _write_accounts(parts: dict[str, Part], names: list[str], password_hash: str) -> None:
    now = datetime.now(UTC)
    rows = [(new_id(), address_of(name), name, password_hash, now) for name in names]
    async with _connection(parts, "auth") as connection:
        columns = _ACCOUNTS.split()
        await connection.copy_records_to_table("accounts", records=rows, columns=columns)
        await connection.execute("VACUUM ANALYZE accounts")


async def _write_posts(parts: dict[str, Part]) -> None:
    async with _connection(parts, "posts") as connection:
        await data.load_people(connection, _PEOPLE)
        await data.load_posts(connection, _PEOPLE, 0, _POSTS)
        await data.settle(connection)


@asynccontextmanager
async def _connection(parts: dict[str, Part], schema: str) -> AsyncIterator[Any]:
    """Open a superuser's connection to the tables of a service, without triggers."""
    settings = {"search_path": schema, "session_replication_role": "replica"}
    url = in_database(DATABASE, parts["postgres"].url or "")
    connection = await asyncpg.connect(url, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()
