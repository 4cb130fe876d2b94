"""People, requests and events that the tests of users start from."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select

from common.contracts import AccountRegistered
from common.ids import new_id
from common.testing.keys import bearer, mint_user_token
from users_service.models import Block, Follow, Mute, Profile, outbox_tables
from users_service.resources import Resources

ME = "/api/v1/users/me"
BLOCKS = f"{ME}/blocks"
MUTES = f"{ME}/mutes"


@dataclass(frozen=True)
class Person:
    """Somebody with an account in auth; `headers` speak for them."""

    username: str = "ada"
    id: UUID = field(default_factory=new_id)

    @property
    def headers(self) -> dict[str, str]:
        return bearer(mint_user_token(self.id, username=self.username))

    @property
    def path(self) -> str:
        return f"/api/v1/users/{self.username}"

    def registered(self, username: str | None = None) -> AccountRegistered:
        return AccountRegistered(account_id=self.id, username=username or self.username)


async def arrive(client: httpx.AsyncClient, *people: Person) -> None:
    """Let people make their first request."""
    for person in people:
        response = await client.get(ME, headers=person.headers)
        assert response.status_code == 200


async def events(resources: Resources) -> list[tuple[str, str, dict[str, Any]]]:
    """What the outbox holds, in order: type, key and payload."""
    row = outbox_tables.OutboxRow
    async with resources.platform.database.reads() as connection:
        rows = await connection.execute(select(row.type, row.key, row.payload).order_by(row.id))
        return [(kind, key, payload) for kind, key, payload in rows]


async def event_types(resources: Resources) -> list[str]:
    """What kinds of events the outbox holds, in order, without service and version."""
    return [kind.split(".")[1] for kind, _, _ in await events(resources)]


async def profile(resources: Resources, person: Person) -> Profile:
    """The row of somebody who must have one."""
    async with resources.transaction() as tx:
        return await tx.session.get_one(Profile, person.id)


async def usernames(resources: Resources) -> list[str]:
    """The usernames of all profiles."""
    async with resources.transaction() as tx:
        return list((await tx.session.execute(select(Profile.username))).scalars())


async def follows(resources: Resources) -> list[tuple[UUID, UUID]]:
    """Who follows whom."""
    async with resources.transaction() as tx:
        rows = await tx.session.execute(select(Follow.follower_id, Follow.followee_id))
        return [(follower, followee) for follower, followee in rows]


async def blocks(resources: Resources) -> list[tuple[UUID, UUID]]:
    """Who blocks whom."""
    async with resources.transaction() as tx:
        rows = await tx.session.execute(select(Block.blocker_id, Block.blocked_id))
        return [(blocker, blocked) for blocker, blocked in rows]


async def mutes(resources: Resources) -> list[tuple[UUID, UUID]]:
    """Who mutes whom."""
    async with resources.transaction() as tx:
        rows = await tx.session.execute(select(Mute.muter_id, Mute.muted_id))
        return [(muter, muted) for muter, muted in rows]


async def listed(client: httpx.AsyncClient, path: str, person: Person) -> list[str]:
    """The usernames in one of somebody's own lists, read two a page."""
    found: list[str] = []
    query: dict[str, str | int] | None = {"limit": 2}
    while query is not None:
        response = await client.get(path, params=query, headers=person.headers)
        assert response.status_code == 200, response.text
        page = response.json()
        found += [item["username"] for item in page["items"]]
        cursor = page["next_cursor"]
        query = {"limit": 2, "cursor": cursor} if cursor else None
    return found
