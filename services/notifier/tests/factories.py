"""Mail, events and peers that the tests of notifier start from."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import respx
from sqlalchemy import select, update

from common.clock import utc_now
from common.contracts import EmailVerificationRequested as VerificationRequested
from common.contracts import (
    Event,
    PostDeleted,
    PostPublished,
    UserFollowed,
    UserUnfollowed,
)
from common.contracts import KnownAddressRegistered as KnownAddress
from common.ids import new_id
from common.place import Place
from common.streams import Received
from common.testing.keys import bearer, mint_user_token
from notifier_service.consumers import HANDLERS
from notifier_service.models import Email, Notification
from notifier_service.resources import Resources
from notifier_service.unit_of_work import Tx

LINK = "http://localhost:8080/api/v1/auth/verify-email?token=5ec2e7&more=<1>"
DAWN = datetime(2026, 1, 1, tzinfo=UTC)


def at(minute: int) -> datetime:
    """A time of the stories that the tests tell."""
    return DAWN + timedelta(minutes=minute)


class Links:
    """Auth's answers about links, in the shape that its own document promises."""

    def __init__(self, url: str, router: respx.MockRouter) -> None:
        document = Path(__file__).parents[2] / "auth" / "openapi.internal.json"
        schemas = json.loads(document.read_text(encoding="utf-8"))["components"]["schemas"]
        self._schema = schemas["LinkRead"]
        assert self._schema["properties"].keys() == {"url", "code"}
        self._route = router.get(url__startswith=f"{url}/internal/mail-links/")

    def are(self, url: str | None, code: str | None = None) -> None:
        for name, value in (("url", url), ("code", code)):
            kinds = {kind["type"] for kind in self._schema["properties"][name]["anyOf"]}
            assert ("null" if value is None else "string") in kinds
        self._route.respond(json={"url": url, "code": code})

    def are_gone(self) -> None:
        self._route.respond(404, json={"code": "auth.link_not_found"})

    def are_unavailable(self) -> None:
        self._route.respond(503)


def verification(email: str = "ada@example.test", username: str = "ada") -> VerificationRequested:
    return VerificationRequested(
        account_id=new_id(), email=email, username=username, link_id=new_id()
    )


def known_address(email: str = "ada@example.test") -> KnownAddress:
    return KnownAddress(account_id=new_id(), email=email, username="ada")


@dataclass(frozen=True)
class Person:
    """Somebody with an account; `headers` speak for them."""

    username: str = "ada"
    id: UUID = field(default_factory=new_id)

    @property
    def headers(self) -> dict[str, str]:
        return bearer(mint_user_token(self.id, username=self.username))

    def follows(self, other: "Person", minute: int) -> UserFollowed:
        return UserFollowed(follower_id=self.id, followee_id=other.id, followed_at=at(minute))

    def unfollows(self, other: "Person", minute: int) -> UserUnfollowed:
        return UserUnfollowed(follower_id=self.id, followee_id=other.id, unfollowed_at=at(minute))

    def publishes(self, title: str, minute: int, post_id: UUID | None = None) -> PostPublished:
        return PostPublished(
            post_id=post_id or new_id(),
            author_id=self.id,
            author_username=self.username,
            title=title,
            slug=title.lower(),
            published_at=at(minute),
        )

    def deletes(self, post: PostPublished) -> PostDeleted:
        return PostDeleted(post_id=post.post_id, author_id=self.id)


async def apply(tx: Tx, event: Event, position: int) -> None:
    """Handle one event in a transaction that somebody else commits."""
    received = Received(new_id(), Place(1, position), utc_now(), event)
    await HANDLERS[type(event)](tx, received)


async def hear(resources: Resources, *events: Event) -> None:
    """Handle events, each in its own transaction, at rising places."""
    for position, event in enumerate(events, 1):
        async with resources.transaction() as tx:
            await apply(tx, event, position)


async def emails(resources: Resources) -> list[Email]:
    """All mail, in the order of its recipients."""
    async with resources.transaction() as tx:
        return list((await tx.session.scalars(select(Email).order_by(Email.recipient))).all())


async def email(resources: Resources) -> Email:
    """The only mail."""
    [found] = await emails(resources)
    return found


async def change_emails(resources: Resources, **values: Any) -> None:
    """Make all mail be different."""
    async with resources.transaction() as tx:
        await tx.session.execute(update(Email).values(values))


async def inboxes(resources: Resources) -> set[tuple[UUID, UUID]]:
    """Who was notified of which post."""
    async with resources.transaction() as tx:
        rows = await tx.session.execute(select(Notification.recipient_id, Notification.post_id))
        return {(recipient_id, post_id) for recipient_id, post_id in rows}
