"""Auth's present state, for services whose copies have fallen behind the log."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import Request

from auth_service.api.dependencies import resources_of
from auth_service.usecases import accounts, personal_keys
from common.clock import utc_now
from common.contracts import AccountRegistered, KeyIssued
from common.http.snapshots import Snapshot, snapshot_router


async def _read_accounts(
    request: Request, after: Sequence[UUID] | None, limit: int
) -> list[AccountRegistered]:
    async with resources_of(request).transaction() as tx:
        return await accounts.list_registered(tx, after=after[0] if after else None, limit=limit)


async def _read_keys(request: Request, after: Sequence[UUID] | None, limit: int) -> list[KeyIssued]:
    async with resources_of(request).reads() as reads:
        return await personal_keys.list_issued(
            reads, after=after[0] if after else None, limit=limit, now=utc_now()
        )


router = snapshot_router(
    {
        AccountRegistered: Snapshot(_read_accounts, lambda account: [account.account_id]),
        KeyIssued: Snapshot(_read_keys, lambda key: [key.key_id]),
    }
)
