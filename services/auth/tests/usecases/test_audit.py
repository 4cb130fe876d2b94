"""The audit's chain is one, whole and verifiable, whoever makes it and whatever ends them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from itertools import count
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import event, text

from auth_service.models import Action
from auth_service.models.audit_hashes import GENESIS
from auth_service.repositories.audit import Operator, Owner
from auth_service.resources import Resources
from auth_service.usecases.audit import Verification, chain_entries, erase_entries, verify_chain
from auth_service.worker import chain_audit, measure_audit
from common.db.errors import DatabaseUnavailable
from common.ids import new_id
from devstack.fixtures import ServiceDatabase

ORIGIN = {"network": "203.0.113.0/24", "user_agent": "curl/8"}
_counted: ContextVar[bool] = ContextVar("counted", default=False)
OPERATOR = Operator("root", "asked for by mail", "notifier")


async def add(resources: Resources, entries: int, account_id: UUID | None = None) -> None:
    async with resources.transaction(ORIGIN) as tx:
        for n in range(entries):
            owner = Owner(account_id or new_id())
            tx.audit.add(Action.LOGOUT, account_id=owner.id, by=owner, details={"n": n, "t": "ä"})


async def verified(resources: Resources, limit: int = 5000) -> Verification:
    """What a verification of the whole chain finds, page by page."""
    after, erased = 0, 0
    while True:
        async with resources.reads() as reads:
            found = await verify_chain(reads, after=after, limit=limit)
        erased += found.erased
        if found.broken or found.position == found.end:
            return Verification(found.position, found.hash, found.end, erased, found.broken)
        after = found.position


async def chain(resources: Resources, limit: int = 500) -> None:
    async with resources.transaction() as tx:
        await chain_entries(tx, limit=limit)


async def rows(resources: Resources, query: str) -> list[Any]:
    async with resources.platform.database.reads() as connection:
        return list((await connection.execute(text(query))).all())


async def unguarded(database: ServiceDatabase, statement: str, *values: Any) -> None:
    """What somebody with all rights does who turns the triggers off."""
    admin = await asyncpg.connect(database.admin_url)
    try:
        await admin.execute("SET session_replication_role = replica")
        await admin.execute("SET search_path = auth")
        await admin.execute(statement, *values)
    finally:
        await admin.close()


@asynccontextmanager
async def killed_at(resources: Resources, step: int) -> AsyncIterator[None]:
    """Let the server end the connection before the block's n-th statement from now on."""
    engine, steps = resources.platform.database.engine.sync_engine, count()
    # What else goes on in the app takes statements, too.
    token = _counted.set(True)

    def kill(connection: Any, *_: Any) -> None:
        if _counted.get() and next(steps) == step:
            connection.connection.cursor().execute("SELECT pg_terminate_backend(pg_backend_pid())")

    event.listen(engine, "before_cursor_execute", kill)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", kill)
        _counted.reset(token)


async def test_an_empty_chain_holds(resources: Resources) -> None:
    assert await verified(resources) == Verification(0, GENESIS, 0, 0)


async def test_entries_get_contiguous_places_in_batches(resources: Resources) -> None:
    await add(resources, 1203)
    await chain_audit(resources)
    found = await verified(resources, limit=100)
    assert (found.position, found.end, found.broken) == (1203, 1203, None)
    [(length, waiting)] = await rows(
        resources,
        "SELECT max(position), count(*) FILTER (WHERE position IS NULL) FROM audit_entries",
    )
    assert (length, waiting) == (1203, 0)


async def test_many_relays_make_one_chain_while_entries_come(resources: Resources) -> None:
    async def relay() -> None:
        for _ in range(20):
            await chain(resources, limit=7)

    async def write() -> None:
        for _ in range(15):
            await add(resources, 5)

    await asyncio.gather(*(relay() for _ in range(4)), *(write() for _ in range(3)))
    await chain_audit(resources)
    found = await verified(resources)
    assert (found.position, found.broken) == (225, None)


@pytest.mark.parametrize("step", range(5))
async def test_a_relay_that_is_killed_between_two_steps_leaves_a_chain_that_holds(
    resources: Resources, step: int
) -> None:
    await add(resources, 3)
    await chain(resources)
    await add(resources, 4)
    async with killed_at(resources, step):
        with pytest.raises(DatabaseUnavailable):
            await chain(resources)
    found = await verified(resources)
    assert (found.position, found.broken) == (3, None)
    await chain(resources)
    found = await verified(resources)
    assert (found.position, found.broken) == (7, None)


async def test_a_relay_takes_five_steps(resources: Resources) -> None:
    # The former test kills at each of them.
    await add(resources, 1)
    async with killed_at(resources, 5):
        await chain(resources)
    assert (await verified(resources)).position == 1


async def test_an_entry_that_is_not_committed_has_no_place(resources: Resources) -> None:
    async with resources.transaction() as late:
        late.audit.add(Action.LOGOUT, account_id=None, by=None)
        await late.session.execute(text("SELECT 1"))
        await add(resources, 2)
        await chain(resources)
        assert (await verified(resources)).position == 2
    await chain(resources)
    found = await verified(resources)
    assert (found.position, found.broken) == (3, None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET action = 'login'",
        "UPDATE audit_entries SET occurred_at = now()",
        "UPDATE audit_entries SET personal = '{}'",
        "UPDATE audit_entries SET position = position + 10",
        "UPDATE audit_entries SET position = NULL, hash = NULL",
        "UPDATE audit_entries SET hash = decode('00', 'hex')",
        "UPDATE audit_entries SET personal = NULL, salt = NULL, account_id = NULL",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "INSERT INTO audit_entries (id, position, hash) VALUES (uuidv7(), 9, decode('00', 'hex'))",
        "DELETE FROM audit_head",
        "INSERT INTO audit_head (id, hash) VALUES (2, decode('00', 'hex'))",
    ],
)
async def test_the_database_refuses_to_change_entries(
    resources: Resources, database: ServiceDatabase, statement: str
) -> None:
    await add(resources, 2)
    await chain(resources)
    before = await rows(resources, "SELECT * FROM audit_entries ORDER BY id")
    refused = (asyncpg.InsufficientPrivilegeError, asyncpg.RestrictViolationError)
    connection = await asyncpg.connect(database.app_url)
    with pytest.raises(refused):
        await connection.execute(statement)
    await connection.close()
    assert await rows(resources, "SELECT * FROM audit_entries ORDER BY id") == before


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_entries SET action = 'x'", "TRUNCATE audit_entries"]
)
async def test_not_even_the_owner_of_the_schema_changes_entries(
    resources: Resources, database: ServiceDatabase, statement: str
) -> None:
    await add(resources, 1)
    connection = await asyncpg.connect(database.owner_url)
    with pytest.raises(asyncpg.RestrictViolationError):
        await connection.execute(statement)
    await connection.close()


DAMAGE = {
    "UPDATE audit_entries SET action = 'login' WHERE position = 3": (3, "altered"),
    "UPDATE audit_entries SET account_id = NULL WHERE position = 3": (3, "altered"),
    "UPDATE audit_entries SET occurred_at = occurred_at - interval '1 ms' WHERE position = 3": (
        3,
        "altered",
    ),
    """UPDATE audit_entries SET details = details || '{"n": 7}' WHERE position = 3""": (
        3,
        "altered",
    ),
    "UPDATE audit_entries SET hash = decode(repeat('00', 32), 'hex') WHERE position = 3": (
        3,
        "altered",
    ),
    """UPDATE audit_entries SET personal = personal || '{"network": "x"}' WHERE position = 3""": (
        3,
        "personal_altered",
    ),
    "DELETE FROM audit_entries WHERE position = 3": (3, "missing"),
    "DELETE FROM audit_entries WHERE position = 5": (5, "missing"),
    "DELETE FROM audit_entries WHERE position = 1": (1, "missing"),
    "UPDATE audit_entries SET position = 6 WHERE position = 5": (5, "missing"),
    "UPDATE audit_head SET position = 4": (4, "end_differs"),
    "UPDATE audit_head SET hash = decode('00', 'hex')": (5, "end_differs"),
}


@pytest.mark.parametrize("limit", [1, 2, 5000])
@pytest.mark.parametrize("statement", DAMAGE)
async def test_a_verification_names_the_first_entry_that_is_wrong(
    resources: Resources, database: ServiceDatabase, statement: str, limit: int
) -> None:
    await add(resources, 5)
    await chain(resources)
    await unguarded(database, statement)
    broken = (await verified(resources, limit)).broken
    assert broken is not None
    assert (broken.position, broken.why) == DAMAGE[statement]


async def test_erasing_what_is_personal_keeps_the_chain(resources: Resources) -> None:
    ada = new_id()
    await add(resources, 2, ada)
    await add(resources, 1)
    await chain(resources)
    async with resources.transaction() as tx:
        assert await erase_entries(tx, actor=OPERATOR, account_id=ada) == 2
    await chain(resources)
    found = await verified(resources)
    assert (found.position, found.erased, found.broken) == (4, 2, None)
    kept = await rows(resources, "SELECT personal FROM audit_entries ORDER BY position")
    assert [personal for (personal,) in kept] == [
        None,
        None,
        ORIGIN,
        {"operator": "root", "reason": "asked for by mail", "caller": "notifier"},
    ]


async def test_an_entry_may_be_erased_before_it_has_a_place(resources: Resources) -> None:
    ada = new_id()
    await add(resources, 1, ada)
    async with resources.transaction() as tx:
        await erase_entries(tx, actor=OPERATOR, account_id=ada)
    await chain(resources)
    found = await verified(resources)
    assert (found.position, found.erased, found.broken) == (2, 1, None)


async def test_what_waits_is_measured(resources: Resources) -> None:
    await add(resources, 3)
    await measure_audit(resources)
    assert REGISTRY.get_sample_value("colonnade_audit_waiting") == 3
    oldest = REGISTRY.get_sample_value("colonnade_audit_oldest_seconds")
    assert oldest is not None
    assert oldest >= 0
    await chain_audit(resources)
    await measure_audit(resources)
    assert REGISTRY.get_sample_value("colonnade_audit_waiting") == 0
    assert REGISTRY.get_sample_value("colonnade_audit_chain_length") == 3
